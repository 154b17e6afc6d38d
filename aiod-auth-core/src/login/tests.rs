//! Logins as transcripts: what a user, a browser and a server see of them.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::net::SocketAddr;

use super::*;
use crate::{
    entropy::Entropy,
    http::{NoResponse, Response},
    machine::{Ask, Credentials, Listening, Machine as _, NoAnswer, Password, Step},
    time::Timestamp,
};

const TOKENS: &str =
    r#"{"access_token":"a","token_type":"Bearer","expires_in":60,"refresh_token":"r"}"#;

/// What comes back from the browser; `STATE` stands for the right one.
type Browser = &'static [Result<&'static str, NoAnswer>];

/// Plays a login. Each line of the transcript is one step.
struct Play {
    login: Login,
    browser: Browser,
    /// In the order in which they are asked for, but for metadata.
    answers: Vec<Result<(u16, &'static str), NoResponse>>,
    password: Result<&'static str, NoAnswer>,
    transcript: Vec<String>,
}

impl Play {
    fn of(profile: Profile) -> Self {
        let policy = RetryPolicy::default();
        Self {
            login: Login::new(Arc::new(profile), Duration::from_secs(300), policy),
            browser: &[Ok("code=canary&state=STATE")],
            answers: Vec::from([Ok((200, TOKENS))]),
            password: Ok("p&q"),
            transcript: Vec::new(),
        }
    }

    fn with_answers(mut self, answers: &[Result<(u16, &'static str), NoResponse>]) -> Self {
        self.answers = answers.to_vec();
        self
    }

    fn with_browser(mut self, browser: Browser) -> Self {
        self.browser = browser;
        self
    }

    fn run(mut self, metadata: &str) -> Vec<String> {
        let now = Timestamp::from_unix_millis(1_767_225_600_000);
        let mut answers = self.answers.into_iter();
        let mut visits = self.browser.iter();
        for _ in 0..1000 {
            let line = match self.login.poll(now) {
                Ok(Step::Send(exchange)) => {
                    let in_flight = exchange.begin();
                    let request = in_flight.request();
                    let body = str::from_utf8(request.body()).unwrap().to_string();
                    let line =
                        format!("{} {} {body}", request.method().as_str(), request.url().path());
                    let outcome = match request.url().path() {
                        path if path.contains(".well-known") => Ok((200, metadata)),
                        _ => answers.next().unwrap_or(Err(NoResponse::NotSent("no answer left"))),
                    };
                    let outcome = outcome
                        .map(|(status, body)| Response::new(status, [], body.as_bytes().to_vec()));
                    in_flight.complete(now, Duration::from_millis(10), outcome);
                    line
                }
                Ok(Step::Wait(pause)) => {
                    let delay = pause.delay();
                    pause.complete(delay);
                    "wait".to_string()
                }
                Ok(Step::Show(show)) => {
                    show.complete(Duration::ZERO);
                    "show".to_string()
                }
                Ok(Step::Ask(Ask::Listen(asked))) => {
                    let bound: SocketAddr = "127.0.0.1:51004".parse().unwrap();
                    let entropy = [Entropy::new([1; 32]), Entropy::new([2; 32])];
                    asked.answer(Duration::ZERO, Listening { bound, entropy });
                    "listen".to_string()
                }
                Ok(Step::Ask(Ask::Redirect(asked))) => {
                    let request = Arc::clone(&asked.question().request);
                    let line = match asked.question().chosen_because {
                        Some(because) => format!("browser, because {because}"),
                        None => "browser".to_string(),
                    };
                    let state = request.url().query_pairs().find(|(name, _)| name == "state");
                    let state = state.unwrap().1;
                    match visits.next().unwrap() {
                        Ok(query) => {
                            let redirect = request.returned(&query.replace("STATE", &state));
                            asked.answer(Duration::from_secs(20), redirect);
                        }
                        Err(why) => asked.give_up(Duration::from_secs(20), *why),
                    }
                    line
                }
                Ok(Step::Ask(Ask::Password(asked))) => {
                    match self.password {
                        Ok(password) => asked.answer(
                            Duration::ZERO,
                            Credentials {
                                username: "jöhn".into(),
                                password: Password::new(password),
                            },
                        ),
                        Err(why) => asked.give_up(Duration::ZERO, why),
                    }
                    "password".to_string()
                }
                Ok(Step::Ask(ask)) => unreachable!("{ask:?}"),
                Ok(Step::Store(_)) => unreachable!("a login keeps nothing"),
                Ok(Step::Done(tokens)) => {
                    self.transcript.push(match tokens.refresh_token {
                        Some(token) => format!("logged in, with {}", token.expose()),
                        None => "logged in".to_string(),
                    });
                    return self.transcript;
                }
                Err(failed) => {
                    let error = failed.error;
                    self.transcript.push(format!("{}: {error}", error.kind()));
                    return self.transcript;
                }
            };
            self.transcript.push(line);
        }
        panic!("no end: {:?}", self.transcript);
    }
}

fn profile() -> Profile {
    Profile::new("https://as.example", "cli").unwrap()
}

fn browser() -> Profile {
    profile()
        .with_login(LoginMethod::AuthorizationCode)
        .with_redirect_uri("http://127.0.0.1/cb")
        .unwrap()
}

const BROWSER_ALONE: &str = r#"{"issuer":"https://as.example",
    "authorization_endpoint":"https://as.example/authorize","token_endpoint":"https://as.example/token"}"#;

const EXCHANGE: &str = "POST /token grant_type=authorization_code&code=canary\
    &redirect_uri=http%3A%2F%2F127.0.0.1%3A51004%2Fcb\
    &code_verifier=AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI&client_id=cli";

/// AC-06, LOOP-01.
#[test]
fn the_browser_comes_back_with_a_code() {
    assert_eq!(
        Play::of(browser()).run(BROWSER_ALONE),
        [
            "GET /.well-known/openid-configuration ",
            "listen",
            "browser",
            EXCHANGE,
            "logged in, with r"
        ]
    );
}

/// AC-07, NET-08, PKCE-07.
#[test]
fn a_code_goes_out_once() {
    let lost = Err(NoResponse::Unknown("reset"));
    for (answer, end) in [
        (lost, "unavailable: "),
        (Ok((503, "")), "unavailable: "),
        (Ok((500, "<html>")), "unavailable: "),
        (Ok((429, "")), "unavailable: "),
        (Ok((400, r#"{"error":"server_error"}"#)), "unavailable: "),
        (Ok((400, r#"{"error":"invalid_grant"}"#)), "server: invalid_grant"),
        (Ok((200, "<html>")), "protocol: "),
    ] {
        let play = Play::of(browser()).with_answers(&[answer, Ok((200, TOKENS))]);
        let transcript = play.run(BROWSER_ALONE);
        let sent = transcript.iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(sent, 1, "{transcript:?}");
        let last = transcript.last().unwrap();
        assert!(last.starts_with(end) && !last.contains("canary"), "{last}");
    }
    // It never left.
    let refused = Err(NoResponse::NotSent("connection refused"));
    let transcript =
        Play::of(browser()).with_answers(&[refused, Ok((200, TOKENS))]).run(BROWSER_ALONE);
    assert_eq!(transcript.last().unwrap(), "logged in, with r");
}

/// AC-02, AC-05, ISS-04.
#[test]
fn what_is_not_ours_is_waited_out_and_a_denial_ends_it() {
    let visits: [(Browser, usize, &str); 5] = [
        (
            &[Ok("code=x"), Ok("error=access_denied&state=x"), Ok("code=canary&state=STATE")],
            3,
            "logged",
        ),
        (&[Ok("error=access_denied&state=STATE")], 1, "access_denied: "),
        (&[Ok("error=access_denied&state=STATE&iss=https://evil.example")], 1, "protocol: "),
        (&[Err(NoAnswer::Cancelled)], 1, "cancelled: "),
        (&[Err(NoAnswer::OutOfTime)], 1, "timed_out: "),
    ];
    for (browser_does, count, end) in visits {
        let transcript = Play::of(browser()).with_browser(browser_does).run(BROWSER_ALONE);
        let asked = transcript.iter().filter(|line| *line == "browser").count();
        assert_eq!(asked, count, "{transcript:?}");
        assert!(transcript.last().unwrap().starts_with(end), "{transcript:?}");
    }
}

#[test]
fn a_login_that_is_never_answered_ends_in_time() {
    const STRAY: Browser = &[Ok(""); 20];
    let transcript = Play::of(browser()).with_browser(STRAY).run(BROWSER_ALONE);
    // 20 s each, of five minutes.
    assert_eq!(transcript.iter().filter(|line| *line == "browser").count(), 15);
    assert!(transcript.last().unwrap().starts_with("timed_out: "), "{transcript:?}");
}

#[test]
fn the_browser_is_chosen_where_there_is_no_device_flow() {
    let transcript = Play::of(profile()).run(BROWSER_ALONE);
    assert!(transcript.contains(&"browser, because the server has no device flow".to_string()));
    assert_eq!(transcript.last().unwrap(), "logged in, with r");
    // What is given by hand is enough.
    let given = profile()
        .with_endpoint(Endpoint::Authorization, "https://as.example/authorize")
        .and_then(|profile| profile.with_endpoint(Endpoint::Token, "https://as.example/token"));
    assert_eq!(Play::of(given.unwrap()).run("{}").first().unwrap(), "listen");
    // A caller that asks for the device flow gets no other.
    let device = Play::of(profile().with_login(LoginMethod::Device)).run(BROWSER_ALONE);
    assert!(device.last().unwrap().starts_with("config: "), "{device:?}");
}

/// It has one: a browser would be waited for in vain, and the mistake never be said.
#[test]
fn a_device_endpoint_that_can_not_be_used_is_said_and_no_browser_waited_for() {
    for (address, why) in [
        ("\"http://as.example/device\"", "`device_authorization_endpoint` is plain http"),
        ("5", "`device_authorization_endpoint`"),
        ("\"/device\"", "`device_authorization_endpoint`"),
    ] {
        let member = format!("{{\"device_authorization_endpoint\":{address},");
        let transcript = Play::of(profile()).run(&BROWSER_ALONE.replacen('{', &member, 1));
        let last = transcript.last().unwrap();
        assert!(last.starts_with("protocol: ") && last.contains(why), "{transcript:?}");
        assert!(!transcript.contains(&"listen".to_string()), "{transcript:?}");
    }
    // What is empty is absent.
    let metadata = BROWSER_ALONE.replacen('{', r#"{"device_authorization_endpoint":"","#, 1);
    assert_eq!(Play::of(profile()).run(&metadata).last().unwrap(), "logged in, with r");
}

/// PKCE-04.
#[test]
fn a_server_without_s256_sees_no_browser() {
    let metadata = BROWSER_ALONE.replace('{', r#"{"code_challenge_methods_supported":["plain"],"#);
    let transcript = Play::of(browser()).run(&metadata);
    assert!(transcript.last().unwrap().starts_with("config: "), "{transcript:?}");
    assert!(!transcript.contains(&"browser".to_string()), "{transcript:?}");
}

fn with_password() -> Play {
    Play::of(profile().with_login(LoginMethod::Password))
}

/// PWD-03.
#[test]
fn a_password_is_asked_for_and_sent_once() {
    let asked = ["GET /.well-known/openid-configuration ", "password"];
    let sent = "POST /token grant_type=password&username=j%C3%B6hn&password=p%26q&client_id=cli";
    let transcript = with_password().run(BROWSER_ALONE);
    assert_eq!(transcript, [&asked[..], &[sent, "logged in, with r"]].concat());

    let mut empty = with_password();
    empty.password = Ok("");
    let transcript = empty.run(BROWSER_ALONE);
    assert!(transcript.get(2).unwrap().contains("&password=&"), "{transcript:?}");

    for password in ["canary\n", "can\rary", "canary\0"] {
        let mut broken = with_password();
        broken.password = Ok(password);
        let transcript = broken.run(BROWSER_ALONE);
        assert_eq!(transcript.get(..2).unwrap(), asked);
        let end = transcript.get(2).unwrap();
        assert!(end.starts_with("usage: ") && !end.contains("canary"), "{end}");
    }
    let mut nowhere = with_password();
    nowhere.password = Err(NoAnswer::Impossible("there is no terminal"));
    let transcript = nowhere.run(BROWSER_ALONE);
    assert_eq!(transcript.last().unwrap(), "usage: there is no terminal");
}

#[test]
fn a_wrong_password_ends_the_login() {
    let refused =
        Ok((400, r#"{"error":"invalid_grant","error_description":"p&q is wrong: p&q p&q"}"#));
    let transcript = with_password().with_answers(&[refused]).run(BROWSER_ALONE);
    assert!(transcript.last().unwrap().starts_with("server: invalid_grant"), "{transcript:?}");
}

/// PWD-01.
#[test]
fn no_password_is_asked_for_unless_the_profile_says_so() {
    let token_alone = r#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token",
        "grant_types_supported":["password"]}"#;
    let transcript = Play::of(profile()).run(token_alone);
    assert!(!transcript.contains(&"password".to_string()), "{transcript:?}");
    assert!(transcript.last().unwrap().starts_with("config: "), "{transcript:?}");
}

//! What the groups about the browser have in common: a request, and logins over real sockets.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread,
};

use aiod_auth_core::{
    AuthorizationServer, BrowserPrompt, Endpoint, Entropy, Error, Login, LoginMethod, Parameters,
    Profile, Prompt, Tokens,
    flow::{AuthorizationRequest, Redirect},
    loopback::VISITS_MAX,
};
use aiod_auth_tests::sim::{self, Running, Settings};
use url::Url;

use super::scene::*;

pub(super) const STATE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

/// A request to `https://as.example`, whose `state` is [`STATE`].
pub(super) fn request_to(server: &AuthorizationServer) -> Result<AuthorizationRequest, Error> {
    request_with(server, 2)
}

pub(super) fn request_with(
    server: &AuthorizationServer,
    seed: u8,
) -> Result<AuthorizationRequest, Error> {
    AuthorizationRequest::new(
        server,
        &public(),
        &scope("openid"),
        &Parameters::default(),
        "http://127.0.0.1:51004/cb",
        [Entropy::new([1; 32]), Entropy::new([seed; 32])],
    )
}

pub(super) fn server_at(authorize: &str) -> AuthorizationServer {
    let server = server_with(Endpoint::Authorization, authorize).unwrap();
    server.with_endpoint(Endpoint::Token, "https://as.example/token").unwrap()
}

pub(super) fn usual_request() -> AuthorizationRequest {
    request_to(&server_at("https://as.example/authorize")).unwrap()
}

/// A parameter of the page's address.
pub(super) fn parameter(page: &Url, name: &str) -> Option<String> {
    let mut values = page.query_pairs().filter(|(known, _)| known == name);
    let (_, value) = values.next()?;
    assert!(values.next().is_none(), "{name} comes twice");
    Some(value.into_owned())
}

/// What a redirect with this query amounts to.
pub(super) fn returned(request: &AuthorizationRequest, query: &str) -> String {
    match request.returned(&query.replace("STATE", STATE)) {
        Redirect::NotOurs => "not ours".to_owned(),
        Redirect::Code(code) => format!("code {}", code.expose()),
        Redirect::Failed(error) => format!("error:{}", error.kind()),
        other => panic!("{other:?}"),
    }
}

/// A server whose user approves, or the one who is named.
pub(super) fn running(change: impl FnOnce(&mut Settings)) -> Running {
    let mut settings = Settings { browser_flow: true, ..Settings::default() };
    change(&mut settings);
    sim::serve(settings).unwrap()
}

pub(super) fn browser_profile(issuer: &str) -> Profile {
    profile_at(issuer).with_login(LoginMethod::AuthorizationCode)
}

/// Logs in by one of the loops; `browser` is what the user's browser does, on a thread of its own.
pub(super) fn log_in_by(
    with: &Loop,
    profile: Profile,
    browser: impl FnOnce(Arc<BrowserPrompt>) + Send + 'static,
) -> Result<Tokens, Error> {
    let mut login = Login::new(profile.into(), seconds(10), policy());
    let (sender, receiver): (Sender<Arc<BrowserPrompt>>, _) = channel();
    let browser = thread::spawn(move || {
        if let Ok(prompt) = receiver.recv_timeout(seconds(20)) {
            browser(prompt);
        }
    });
    let outcome = with.run_with(&mut login, &mut |prompt| match prompt {
        Prompt::Browser(prompt) => sender.send(Arc::clone(prompt)).unwrap(),
        other => panic!("{other:?}"),
    });
    drop(sender);
    browser.join().unwrap();
    outcome
}

/// The same by a browser that goes back twice before the loop looks, and has connected once more ahead of time: what
/// it is answered.
pub(super) fn log_in_twice_at_once(with: &Loop, profile: Profile) -> [(u16, String); 2] {
    let mut login = Login::new(profile.into(), seconds(10), policy());
    let (mut visits, mut ahead) = (Vec::new(), None);
    let outcome = with.run_with(&mut login, &mut |prompt| {
        let Prompt::Browser(prompt) = prompt else { panic!("{prompt:?}") };
        let (authority, back) = (authority(prompt), sent_back(prompt));
        let target = back.strip_prefix(&format!("http://{authority}")).unwrap();
        let connected = || TcpStream::connect(&authority).unwrap();
        ahead = Some(connected());
        for _ in 0..2 {
            let mut visit = connected();
            write!(visit, "GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n").unwrap();
            visits.push(visit);
        }
    });
    outcome.unwrap();
    drop(ahead);
    let answers: Vec<_> = visits.into_iter().map(answered).collect();
    answers.try_into().unwrap()
}

/// The address is pasted while the browser, too, is on its way back, behind more connections than are accepted at
/// once: what it is answered.
pub(super) fn log_in_by_pasting_meanwhile(with: &Loop, profile: Profile) -> (u16, String) {
    let mut login = Login::new(profile.into(), seconds(10), policy());
    let mut visits = Vec::new();
    let outcome = with.run_with(&mut login, &mut |prompt| {
        let Prompt::Browser(prompt) = prompt else { panic!("{prompt:?}") };
        let (authority, back) = (authority(prompt), sent_back(prompt));
        let target = back.strip_prefix(&format!("http://{authority}")).unwrap();
        for _ in 0..VISITS_MAX {
            visits.push(TcpStream::connect(&authority).unwrap());
        }
        let mut visit = TcpStream::connect(&authority).unwrap();
        write!(visit, "GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n").unwrap();
        visits.push(visit);
        assert!(prompt.paste(&back));
    });
    outcome.unwrap();
    answered(visits.pop().unwrap())
}

/// Where the server sends the browser after the page.
pub(super) fn sent_back(prompt: &BrowserPrompt) -> String {
    let (status, answer) = get(prompt.authorization_url().as_str());
    assert_eq!(status, 303, "{answer}");
    let location = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location").then(|| value.to_owned())
    });
    location.unwrap()
}

/// A GET as browsers make it: the status, and all that comes.
pub(super) fn get(address: &str) -> (u16, String) {
    let rest = address.strip_prefix("http://").unwrap();
    let (authority, target) = rest.split_at(rest.find('/').unwrap());
    send(
        authority,
        &format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"),
    )
}

/// These bytes, and what is answered.
pub(super) fn send(authority: &str, bytes: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(authority).unwrap();
    // The other end may have answered and stopped reading.
    stream.write_all(bytes.as_bytes()).ok();
    answered(stream)
}

/// What is answered on this connection.
fn answered(mut stream: TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_default(), answer)
}

/// `127.0.0.1:51004`.
pub(super) fn authority(prompt: &BrowserPrompt) -> String {
    let url: Url = prompt.redirect_uri().parse().unwrap();
    url.authority().to_owned()
}

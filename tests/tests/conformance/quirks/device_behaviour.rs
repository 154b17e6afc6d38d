//! What takes more than one answer: device authorization and polling.

use std::time::Duration;

use aiod_auth_core::{
    AuthenticationMethod, AuthorizationServer, Endpoint, Error, Issuer, Kind, Machine, Method,
    RetryPolicy, Step, flow::DeviceAuthorizationRequest,
};

use super::around::*;

const FIRST: &str = r#"200 {"device_code":"d","user_code":"u","verification_uri":"https://a.example/d","expires_in":1800,"interval":5}"#;
const PENDING: &str = r#"400 {"error":"authorization_pending"}"#;
const SLOW_DOWN: &str = r#"400 {"error":"slow_down"}"#;
const TOKENS: &str = r#"200 {"access_token":"a","token_type":"Bearer"}"#;

pub(super) fn a_configured_secret_goes_with_the_polls() {
    let authorization = authorization(FIRST);
    let in_the_body =
        confidential().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    let poll = sent(&mut polls_for(&authorization, &in_the_body));
    assert!(body(&poll).contains("&client_id=client&client_secret=secret"));
    let poll = sent(&mut polls_for(&authorization, &client()));
    assert!(!body(&poll).contains("secret"));
}

pub(super) fn json_is_asked_for() {
    let first = sent(&mut device_request(&server()).unwrap());
    let poll = sent(&mut polls_for(&authorization(FIRST), &client()));
    for request in [first, poll, sent(&mut refresh(&server(), &client()))] {
        assert_eq!(header(&request, "Accept"), Some("application/json"), "{request:?}");
    }
}

pub(super) fn slow_down_brings_a_margin() {
    let mut answers = [SLOW_DOWN, SLOW_DOWN, SLOW_DOWN, PENDING, TOKENS].into_iter();
    let polled = poll_with(FIRST, |_| answers.next().unwrap());
    polled.outcome.unwrap();
    let clock = "`slow_down` came again and again: does this machine's clock run too fast?";
    assert_eq!(polled.notes, [clock], "after the third");
    assert_eq!(polled.sent_at[0], seconds(5));
    for (pair, interval) in polled.sent_at.windows(2).zip([10, 15, 20, 20]) {
        let (gap, interval) = (pair[1] - pair[0], seconds(interval));
        assert!(gap >= interval.mul_f64(1.1) && gap <= interval.mul_f64(1.25), "{gap:?}");
    }
}

pub(super) fn without_a_complete_page_the_plain_one_is_opened() {
    let authorization = authorization(FIRST);
    assert_eq!(authorization.prompt().verification_uri_complete, None);
    assert_eq!(authorization.prompt().page().as_str(), "https://a.example/d");
}

pub(super) fn a_long_interval_is_honoured_and_said() {
    let late = "noticed";
    let at = |lifetime: u64| FIRST.replace("1800", &lifetime.to_string()).replace(":5}", ":600}");
    assert!(authorization(&at(600)).prompt().to_string().contains(late));
    assert!(!authorization(&at(1200)).prompt().to_string().contains(late));
    assert!(!authorization(FIRST).prompt().to_string().contains(late));

    let polled = poll_with(&at(1800), |_| PENDING);
    assert_eq!(polled.sent_at, [seconds(600), seconds(1200)]);
    assert_eq!(polled.outcome.unwrap_err().kind(), Kind::Expired);
}

pub(super) fn the_first_poll_waits() {
    let mut polls = polls_for(&authorization(FIRST), &client());
    let Ok(Step::Wait(pause)) = polls.poll(NOW) else { panic!("no wait") };
    assert_eq!(pause.delay(), seconds(5));
}

pub(super) fn a_server_whose_interval_runs_away_is_caught() {
    // The server thinks of 10 s where it said 5 s.
    let (mut interval, mut last) = (seconds(10), Duration::ZERO);
    let polled = poll_with(FIRST, |now| {
        let early = now - last < interval;
        last = now;
        if early {
            interval += seconds(5);
            return SLOW_DOWN;
        }
        TOKENS
    });
    polled.outcome.unwrap();
    assert!(polled.sent_at.len() > 2, "{:?}", polled.sent_at);
}

pub(super) fn a_server_without_a_device_endpoint_is_not_asked() {
    let server = AuthorizationServer::new(Issuer::new("https://login.salesforce.com").unwrap())
        .with_endpoint(Endpoint::Token, "https://login.salesforce.com/services/oauth2/token")
        .unwrap();
    let error = device_request(&server).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("device_authorization_endpoint"), "{error}");
    assert!(error.hint().unwrap().contains("another flow"), "{error:?}");
}

pub(super) fn the_deadline_ends_the_polling_before_the_server_does() {
    let first = r#"200 {"device_code":"bbGyrpRmPsucqYTTI87eZYKEWxFQOZMr_ENEyEEFMug","user_code":"NWGM-BKTN","verification_uri":"http://127.0.0.1:8280/device","verification_uri_complete":"http://127.0.0.1:8280/device?user_code=NWGM-BKTN","expires_in":120}"#;
    let polled = poll_with(first, |now| {
        assert!(now < seconds(120), "{now:?}");
        PENDING
    });
    let at = polled.sent_at;
    assert_eq!((at[0], at[1], at.len()), (seconds(5), seconds(10), 23));
    assert_eq!(polled.outcome.unwrap_err().kind(), Kind::Expired);
    assert_eq!(polled.ended_at, seconds(120));
}

pub(super) fn nothing_is_sent_after_a_final_code() {
    for code in ["access_denied", "expired_token", "invalid_grant"] {
        let mut polls = polls_for(&authorization(FIRST), &client());
        let refused = format!("400 {{\"error\":\"{code}\"}}");
        run(&mut polls, &[&refused]).unwrap_err();
        let failed = polls.poll(NOW).unwrap_err();
        assert!(matches!(failed.error, Error::Finished), "{code}: {failed:?}");
    }
}

pub(super) fn a_form_is_posted() {
    let request = sent(&mut device_request(&server()).unwrap());
    assert_eq!(request.method(), Method::Post);
    assert_eq!(header(&request, "Content-Type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(body(&request), "scope=read+write&client_id=client");
}

fn device_request(server: &AuthorizationServer) -> Result<DeviceAuthorizationRequest, Error> {
    DeviceAuthorizationRequest::new(server, &client(), &scope(), RetryPolicy::default())
}

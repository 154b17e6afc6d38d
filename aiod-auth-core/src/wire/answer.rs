//! How an answer is read, the same way for every endpoint: first what it says, then its status.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{cell::RefCell, time::Duration};

pub(crate) use super::error::Refused;
use super::{
    body,
    class::{Class, class},
    error,
    json::Object,
    retry_after::retry_after,
};
use crate::{
    deviations::Deviations,
    error::{Endpoint, Error, Problem, ServerError},
    http::{Request, Response},
    note::Note,
    time::Timestamp,
};

/// What an answer amounts to.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    /// A success, well-formed.
    Good(T),
    /// The server refuses the request.
    Refused(Refused),
    /// Unavailable: the server can't answer now.
    Unavailable { status: u16, retry_after: Option<Duration>, said: Option<Box<ServerError>> },
    /// Malformed.
    Malformed(Problem),
}

/// A response, and what it takes to read it.
pub(crate) struct Received<'a> {
    pub(super) request: &'a Request,
    pub(crate) response: &'a Response,
    pub(crate) sent_at: Timestamp,
    pub(crate) deviations: &'a Deviations,
    /// Why this is not the whole body: nothing in it is taken for the whole.
    pub(crate) cut: Option<Problem>,
    notes: RefCell<Vec<Note>>,
}

impl<'a> Received<'a> {
    pub(crate) const fn new(
        request: &'a Request,
        response: &'a Response,
        sent_at: Timestamp,
        deviations: &'a Deviations,
    ) -> Self {
        let notes = RefCell::new(Vec::new());
        Self { request, response, sent_at, deviations, cut: None, notes }
    }

    pub(crate) fn cut(mut self, why: Problem) -> Self {
        self.cut = Some(why);
        self
    }

    pub(super) fn note(&self, field: &'static str, rule: &'static str) {
        self.notes.borrow_mut().push(Note { field, rule });
    }

    pub(crate) fn into_notes(self) -> Vec<Note> {
        self.notes.into_inner()
    }

    /// The server's words, safe to print. It may say back what it was sent: that is not shown.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.request.clean(text)
    }
}

/// Reads an answer: the `error` in the body counts whatever the status, then the status, and only
/// a 2xx without an error is a success.
pub(crate) fn read<T>(
    endpoint: Endpoint,
    received: &Received<'_>,
    read_success: impl FnOnce(&Object<'_>) -> Result<T, Problem>,
) -> Answer<T> {
    if matches!(received.response.status(), 300..=399) {
        return Answer::Malformed(Problem::Redirect { to: redirect_origin(received) });
    }
    if let Some(why) = &received.cut {
        return Answer::Malformed(why.clone());
    }
    check_clock(received);
    let body = body::read(received);
    let mut object = parse(received, &body.text);
    if let Ok(object) = &mut object {
        if let Some(problem) = body.problem {
            object.spoil(problem);
        }
        if received.response.is_success() {
            error::spoil_success(object);
        }
    }
    let answer = read_object(endpoint, received, &object, read_success);
    if let Ok(object) = object {
        received.notes.borrow_mut().extend(object.into_notes());
    }
    answer
}

/// A success is JSON, strictly. An error that its server wrote by hand, with a line break in the description
/// or something after it, says its code all the same.
fn parse<'a>(received: &Received<'_>, text: &'a str) -> Result<Object<'a>, Problem> {
    let problem = match Object::parse(text) {
        Err(problem @ Problem::NotJson { .. }) => problem,
        parsed => return parsed,
    };
    let is_error = |object: &Object<'_>| {
        !received.response.is_success() || matches!(object.text("error"), Ok(Some(_)))
    };
    Object::with_slips(text).filter(is_error).ok_or(problem)
}

fn read_object<T>(
    endpoint: Endpoint,
    received: &Received<'_>,
    object: &Result<Object<'_>, Problem>,
    parse: impl FnOnce(&Object<'_>) -> Result<T, Problem>,
) -> Answer<T> {
    let status = received.response.status();
    let code = match object {
        Ok(object) => match error::code(object, received) {
            Ok(code) => code,
            Err(problem) => return Answer::Malformed(problem),
        },
        Err(_) => None,
    };
    match class(code.as_ref(), status) {
        Class::Success => match object.as_ref().map_err(Problem::clone).and_then(parse) {
            Ok(good) => Answer::Good(good),
            Err(problem) => Answer::Malformed(problem),
        },
        Class::Unexpected => Answer::Malformed(Problem::UnexpectedStatus),
        Class::Unavailable => {
            let object = object.as_ref().ok();
            let said = error::server_error(endpoint, received, code, object, false);
            let says_something =
                said.code.is_some() || said.description.is_some() || said.proxy.is_some();
            let said = says_something.then(|| Box::new(said));
            Answer::Unavailable { status, retry_after: retry_after(received), said }
        }
        Class::Refused => {
            if received.response.is_success() {
                received.note("error", "came with a status of success: the error counts"); // GitHub, Slack
            }
            let html = matches!(object, Err(Problem::Html));
            let object = object.as_ref().ok();
            let mut error = error::server_error(endpoint, received, code, object, html);
            error.advice = error::advice(&error, received);
            let interval = object.and_then(|object| object.seconds("interval").ok()?);
            Answer::Refused(Refused {
                error: Box::new(error),
                interval,
                retry_after: retry_after(received),
            })
        }
    }
}

/// The error for a malformed answer.
pub(crate) fn malformed(
    endpoint: Endpoint,
    status: impl Into<Option<u16>>,
    problem: Problem,
) -> Error {
    Error::InvalidResponse { endpoint, status: status.into(), problem }
}

/// Times are never taken from the server, but a reason is easier to find with this.
fn check_clock(received: &Received<'_>) {
    let date = received.response.header("date").and_then(Timestamp::from_http_date);
    let skew = |date: Timestamp| {
        date.saturating_duration_since(received.sent_at)
            .max(received.sent_at.saturating_duration_since(date))
    };
    if date.is_some_and(|date| skew(date) > SKEW_MAX) {
        received.note("Date", "is far from this machine's time: one of the two clocks is wrong");
    }
}

const SKEW_MAX: Duration = Duration::from_secs(30);

/// Where a redirect points to: its origin, no more. RFC 9110 §10.2.2: it may be relative.
fn redirect_origin(received: &Received<'_>) -> Option<String> {
    let location = received.request.url().join(received.response.header("location")?).ok()?;
    Some(received.clean(&location.origin().ascii_serialization()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::form::Form;

    fn read_token(response: &Response) -> Answer<String> {
        let request = Request::get(url::Url::parse("https://as.example").unwrap());
        let deviations = Deviations::default();
        let received = Received::new(&request, response, Timestamp::UNIX_EPOCH, &deviations);
        read(Endpoint::Token, &received, |object| {
            object.must_be_whole()?;
            object.required_text("access_token").map(String::from)
        })
    }

    /// Hide it after the code was shortened, and its start is at the end of what is shown.
    #[test]
    fn no_part_of_a_secret_is_left_where_an_error_code_is_shortened() {
        for secret in ["hunt", "hunter22", "a-very-long-secret-of-this-client"] {
            let mut form = Form::default();
            form.push_secret("client_secret", secret);
            let url = url::Url::parse("https://as.example").unwrap();
            let request = Request::post_form(url, form.encode());
            let deviations = Deviations::default();
            for before in 290..310 {
                let body = alloc::format!("{{\"error\":\"{} {secret}\"}}", "x".repeat(before));
                let response = Response::new(400, [], body);
                let received =
                    Received::new(&request, &response, Timestamp::UNIX_EPOCH, &deviations);
                let answer = read::<()>(Endpoint::Token, &received, |_| Ok(()));
                let Answer::Refused(refused) = answer else { unreachable!("{before}") };
                let code = refused.error.code.unwrap();
                assert!(!code.as_str().contains(&secret[..2]), "{code}");
            }
        }
    }

    fn outcome(status: u16, headers: &[(&str, &str)], body: &str) -> String {
        match read_token(&Response::new(status, headers.iter().copied(), body)) {
            Answer::Good(token) => alloc::format!("good {token}"),
            Answer::Refused(refused) => alloc::format!("refused {}", refused.error),
            Answer::Unavailable { retry_after, .. } => {
                alloc::format!("unavailable {retry_after:?}")
            }
            Answer::Malformed(problem) => alloc::format!("malformed: {problem}"),
        }
    }

    #[test]
    fn the_error_in_the_body_counts_whatever_the_status() {
        for status in [200, 400, 401, 403, 428, 429, 500, 503] {
            let body = r#"{"error":"invalid_grant"}"#;
            assert!(outcome(status, &[], body).starts_with("refused invalid_grant"), "{status}");
        }
        assert_eq!(outcome(400, &[], r#"{"error":"server_error"}"#), "unavailable None");
        assert_eq!(outcome(500, &[], r#"{"error":"unknown_error"}"#), "unavailable None");
        assert!(outcome(400, &[], r#"{"error":"teapot"}"#).starts_with("refused teapot"));
    }

    #[test]
    fn without_an_error_code_the_status_counts() {
        let token = r#"{"access_token":"a"}"#;
        assert_eq!(outcome(200, &[], token), "good a");
        assert_eq!(outcome(201, &[("content-type", "text/html")], token), "good a");
        assert_eq!(outcome(200, &[], r#"{"error":"","access_token":"a"}"#), "good a");
        assert_eq!(outcome(502, &[], "<html>Bad Gateway"), "unavailable None");
        assert_eq!(outcome(429, &[], ""), "unavailable None");
        assert_eq!(
            outcome(400, &[], r#"{"error":401}"#),
            "refused HTTP 400 from the token endpoint"
        );
        assert_eq!(outcome(200, &[], "<html>"), "malformed: a web page");
        assert_eq!(outcome(204, &[], ""), "malformed: the body is empty");
        assert_eq!(
            outcome(302, &[("Location", "https://other.example/x?y")], ""),
            "malformed: a redirect to https://other.example"
        );
    }

    #[test]
    fn a_form_is_read_where_it_is_labelled_as_one() {
        let label = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
        assert_eq!(outcome(200, &label, "access_token=a%2Bb&scope="), "good a+b");
        assert_eq!(
            outcome(200, &label, "access_token=a&access_token=b"),
            "malformed: `access_token` is there twice"
        );
        assert_ne!(outcome(200, &[], "access_token=a"), "good a");
    }

    #[test]
    fn an_error_with_slips_in_its_json_keeps_its_code() {
        for body in [
            "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS50076:\r\nTrace ID\"}",
            "{\"error_description\":\"a\tb\",\"error\":\"invalid_grant\"}",
            "{\"error\":\"invalid_grant\",}",
            "{\"code\":NaN,\"error\":\"invalid_grant\"}<!-- -->",
        ] {
            assert!(outcome(400, &[], body).starts_with("refused invalid_grant"), "{body}");
            assert!(outcome(200, &[], body).starts_with("refused invalid_grant"), "{body}");
        }
        // Cut off: what is missing may say otherwise.
        assert_eq!(
            outcome(400, &[], r#"{"error":"invalid_grant","error_descri"#),
            "refused HTTP 400 from the token endpoint"
        );
        for body in ["{\"access_token\":\"a\",}", "{\"access_token\":\"a\",\"x\":\"\n\"}"] {
            assert!(outcome(200, &[], body).starts_with("malformed: not valid JSON"), "{body}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (value, expected) in [
            ("120", "unavailable Some(120s)"),
            ("0", "unavailable Some(1s)"),
            ("12.25", "unavailable Some(13s)"),
            ("Fri, 31 Dec 1999 23:59:59 GMT", "unavailable Some(9s)"),
            ("Fri, 31 Dec 1999 23:59:00 GMT", "unavailable Some(1s)"),
            ("-5", "unavailable None"),
            ("soon", "unavailable None"),
        ] {
            let headers = [("Retry-After", value), ("Date", "Fri, 31 Dec 1999 23:59:50 GMT")];
            assert_eq!(outcome(503, &headers, ""), expected, "{value}");
        }
    }

    #[test]
    fn a_latin_1_byte_spoils_a_success_and_not_an_error() {
        let body = b"{\"error\":\"invalid_grant\",\"error_description\":\"d\xe9j\xe0\"}";
        let response = Response::new(400, [], body);
        assert!(matches!(read_token(&response), Answer::Refused(_)));
        let response = Response::new(200, [], b"{\"access_token\":\"\xe9\"}");
        assert!(matches!(read_token(&response), Answer::Malformed(Problem::NotJson { .. })));
    }
}

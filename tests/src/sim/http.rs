//! A request and its reply as plain values: nothing of a socket or an HTTP library is in them.

use std::time::Duration;

use serde_json::Value;
use url::form_urlencoded;

use super::parameters::Parameters;
use super::refusal::Refusal;

/// An HTTP request as the simulator reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, as on the request line.
    pub target: String,
    /// Names in any case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// A GET request without headers.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A POST request with a form.
    #[must_use]
    pub fn post(target: &str, form: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        Self {
            method: "POST".to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: body.into_bytes(),
        }
        .with_header("Content-Type", FORM)
    }

    /// The same request with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// The parameters of the query.
    pub(super) fn query(&self) -> Result<Parameters, Refusal> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        Parameters::parse(query.as_bytes())
    }

    /// The parameters of the body, which must be labelled as a form (RFC 6749 appendix B).
    pub(super) fn form(&self) -> Result<Parameters, Refusal> {
        let content_type = self.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case(FORM) {
            return Err(Refusal::invalid_request("the body must be a form"));
        }
        Parameters::parse(&self.body)
    }

    pub(super) fn must_be(&self, methods: &[&str]) -> Result<(), Refusal> {
        if methods.contains(&self.method.as_str()) {
            return Ok(());
        }
        Err(Refusal::method_not_allowed(methods))
    }
}

/// What comes back for a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An HTTP response.
    Answer(Answer),
    /// The connection is closed without a response.
    Dropped,
}

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Without `Content-Length`, which the socket server adds.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// How long after the request it arrives.
    pub delay: Duration,
}

impl Answer {
    /// An answer with a body of this `Content-Type`.
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::empty(status).with_header("Content-Type", content_type) }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), delay: Duration::ZERO }
    }

    /// A JSON document.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// A web page.
    #[must_use]
    pub fn html(status: u16, page: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", page)
    }

    /// A redirect (status 301 to 308) to another address.
    #[must_use]
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::empty(status).with_header("Location", to)
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }
}

fn find_header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    let mut values = headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.as_str())
}

const FORM: &str = "application/x-www-form-urlencoded";

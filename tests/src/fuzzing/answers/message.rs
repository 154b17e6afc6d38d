//! An answer as text, so that a seed can be read: `HTTP/1.1 401`, header fields, an empty line, a body.

use aiod_auth_core::Response;

/// An answer.
#[derive(Debug)]
pub(in super::super) struct Message {
    pub(in super::super) status: u16,
    pub(in super::super) headers: Vec<(String, String)>,
    pub(in super::super) body: Vec<u8>,
}

impl Message {
    /// Any bytes are one: without a first line they are a body that came with a 200.
    pub(in super::super) fn read(bytes: &[u8]) -> Self {
        let Some(text) = bytes.strip_prefix(b"HTTP/1.1 ") else {
            return Self { status: 200, headers: Vec::new(), body: bytes.to_vec() };
        };
        let end = text.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = match end {
            Some(end) => (&text[..end], &text[end + 2..]),
            None => (text, &b""[..]),
        };
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.get(..3)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(':'));
        Self {
            // A transport deals with 1xx itself and hands over the final answer.
            status: status.filter(|status| (200..600).contains(status)).unwrap_or(200),
            headers: headers.map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned())).collect(),
            body: body.to_vec(),
        }
    }

    /// All fields of this name, in any case.
    pub(in super::super) fn header(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(there, _)| there.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// Does something with it as a machine gets it.
    pub(in super::super) fn with<T>(&self, then: impl FnOnce(Response) -> T) -> T {
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        then(Response::new(self.status, headers.iter().copied(), self.body.clone()))
    }

    pub(in super::super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(in super::super) fn is_redirect(&self) -> bool {
        (300..400).contains(&self.status)
    }

    /// Labelled as a form, and looking like one.
    pub(super) fn is_form(&self) -> bool {
        let label = self.header("content-type").next().unwrap_or_default();
        let kind = label.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
            && self.body.trim_ascii_start().first() != Some(&b'{')
    }
}

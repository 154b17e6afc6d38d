//! The device authorization response: RFC 8628 §3.2.

use core::time::Duration;

use url::Url;

use super::{
    json::{Object, Text},
    servers::{VERIFICATION_URL, VERIFICATION_URL_COMPLETE},
};
use crate::{
    error::{ConfigProblem, Error, Problem},
    flow::{DeviceAuthorization, DevicePrompt},
    secret::DeviceCode,
    server::Transport,
    text::{clean, every},
};

/// The answer, with addresses that a user may be sent to.
pub(crate) fn read(
    object: &Object<'_>,
    transport: Transport,
) -> Result<DeviceAuthorization, Problem> {
    object.must_be_whole()?;
    // The first that is missed where it is another protocol's answer (AWS).
    object.required_text("device_code")?;
    let page = address(object, "verification_uri", VERIFICATION_URL)?
        .ok_or(Problem::Missing("verification_uri"))?
        .page(transport)?;
    // The code can be entered without it.
    let complete = match address(object, "verification_uri_complete", VERIFICATION_URL_COMPLETE)
        .and_then(|it| it.map(|address| address.page_beside(&page, transport)).transpose())
    {
        Err(Problem::Invalid(member) | Problem::InsecureAddress(member)) => {
            object.note(member, "is no address to send a user to: taken as absent");
            None
        }
        complete => complete?,
    };
    read_shown_at(object, page, complete)
}

/// The rest of the answer, for a page that is known.
pub(crate) fn read_shown_at(
    object: &Object<'_>,
    verification_uri: Url,
    verification_uri_complete: Option<Url>,
) -> Result<DeviceAuthorization, Problem> {
    object.must_be_whole()?;
    let device_code = DeviceCode::new(object.required_text("device_code")?);
    let user_code = clean(&object.required_text("user_code")?);
    if user_code.is_empty() {
        return Err(Problem::Invalid("user_code"));
    }
    Ok(DeviceAuthorization {
        device_code,
        prompt: DevicePrompt {
            user_code,
            verification_uri,
            verification_uri_complete,
            expires_in: object.seconds_hint("expires_in")?,
            interval: object.seconds_hint("interval")?.map_or(INTERVAL_DEFAULT, round_up),
        },
    })
}

/// An address, under the name that was sent.
struct Address<'a> {
    member: &'static str,
    text: Text<'a>,
}

impl Address<'_> {
    /// A page that a user can open.
    fn page(&self, transport: Transport) -> Result<Url, Problem> {
        let member = self.member;
        match transport.check_page(member, &self.text) {
            Ok(url) if url.as_str().len() <= ADDRESS_BYTES_MAX => Ok(url),
            Err(Error::Config(ConfigProblem::InsecureUrl { .. })) => {
                Err(Problem::InsecureAddress(member))
            }
            Ok(_) | Err(_) => Err(Problem::Invalid(member)),
        }
    }

    /// The same, where another page is known. Most servers send that page with the code as its query, and
    /// what has been checked is not parsed again.
    fn page_beside(&self, page: &Url, transport: Transport) -> Result<Url, Problem> {
        let rest = self.text.strip_prefix(page.as_str());
        let Some(query) = rest.and_then(|rest| rest.strip_prefix('?')).filter(|query| {
            let is_alone = page.query().is_none() && page.fragment().is_none();
            is_alone && self.text.len() <= ADDRESS_BYTES_MAX && every(query.as_bytes(), is_plain)
        }) else {
            return self.page(transport);
        };
        let mut page = page.clone();
        page.set_query(Some(query));
        Ok(page)
    }
}

/// What a URL parser leaves as it is in a query.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'=' | b'&')
}

fn address<'a>(
    object: &Object<'a>,
    standard: &'static str,
    other: &'static str,
) -> Result<Option<Address<'a>>, Problem> {
    if let Some(text) = object.text(standard)? {
        return Ok(Some(Address { member: standard, text }));
    }
    let Some(text) = object.text(other)? else {
        return Ok(None);
    };
    object.note(other, "is in the place of a name that ends in `uri`");
    Ok(Some(Address { member: other, text }))
}

/// No page that a user is sent to has a longer address.
const ADDRESS_BYTES_MAX: usize = 2000;

pub(crate) fn round_up(duration: Duration) -> Duration {
    let more = u64::from(duration.subsec_nanos() > 0);
    Duration::from_secs(duration.as_secs().saturating_add(more))
}

/// RFC 8628 §3.2: if there is no `interval`. Null, zero and less count as none.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#""device_code":"d","user_code":"U","verification_uri":"https://as.example/d""#;

    fn read(members: &str) -> Result<DevicePrompt, Problem> {
        let body = alloc::format!("{{{members}}}");
        Ok(super::read(&Object::parse(&body)?, Transport::HttpsOnly)?.prompt)
    }

    #[test]
    fn hints_of_no_use_cost_nothing() {
        for hint in [
            r#""interval":"soon""#,
            r#""interval":[]"#,
            r#""interval":"""#,
            r#""interval":null"#,
            r#""interval":-1"#,
            r#""expires_in":"later""#,
            r#""expires_in":{}"#,
            r#""verification_uri_complete":"http://as.example/d?c=U""#,
            r#""verification_uri_complete":"javascript:alert(1)""#,
            r#""verification_uri_complete":"""#,
            r#""verification_uri_complete":7"#,
            r#""verification_url_complete":[]"#,
        ] {
            let prompt = read(&alloc::format!("{GOOD},{hint}")).unwrap();
            let interval = Duration::from_secs(5);
            assert_eq!((prompt.expires_in, prompt.interval), (None, interval), "{hint}");
            assert!(prompt.verification_uri_complete.is_none(), "{hint}");
        }
        let long = "x".repeat(ADDRESS_BYTES_MAX);
        let long =
            alloc::format!(r#"{GOOD},"verification_uri_complete":"https://as.example/{long}""#);
        assert!(read(&long).unwrap().verification_uri_complete.is_none());
    }

    /// Let `page_beside` go on where the page has a query, or `is_plain` be true of `#`: this fails.
    #[test]
    fn a_page_with_the_code_is_what_a_parser_makes_of_it() {
        let pages = ["https://a.example", "https://a.example/d", "https://a.example/d?x"];
        let codes = [
            "",
            "?",
            "?c=U-1&x=~._",
            "?c=U#top",
            "?c=%55",
            "?c=\\u00e9",
            "?c=a b",
            "?c=\\t",
            "/?c",
        ];
        for (page, code) in pages.iter().flat_map(|page| codes.map(|code| (page, code))) {
            let prompt = read(&alloc::format!(
                r#""device_code":"d","user_code":"U","verification_uri":"{page}","verification_uri_complete":"{page}{code}""#
            ));
            let code = code.replace("\\u00e9", "é").replace("\\t", "\t");
            let parsed = Url::parse(&alloc::format!("{page}{code}")).unwrap();
            assert_eq!(prompt.unwrap().verification_uri_complete, Some(parsed), "{page}{code}");
        }
    }

    #[test]
    fn an_interval_may_be_a_text_and_is_rounded_up() {
        for (interval, seconds) in [("\"5\"", 5), ("2.5", 3), ("600", 600), ("\"2.5\"", 3)] {
            let prompt = read(&alloc::format!("{GOOD},\"interval\":{interval}")).unwrap();
            assert_eq!(prompt.interval, Duration::from_secs(seconds), "{interval}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_as_it_was_sent() {
        for (members, problem) in [
            (r#""user_code":"U","verification_uri":"https://a""#, Problem::Missing("device_code")),
            (r#""device_code":"d","verification_uri":"https://a""#, Problem::Missing("user_code")),
            (r#""device_code":"d","user_code":"U""#, Problem::Missing("verification_uri")),
            (
                r#""device_code":"d","user_code":"U","verification_url":"http://as.example:8080/d""#,
                Problem::InsecureAddress("verification_url"),
            ),
            (
                r#""device_code":"d","user_code":"U","verification_uri":"file:///etc/passwd""#,
                Problem::Invalid("verification_uri"),
            ),
        ] {
            assert_eq!(read(members).unwrap_err(), problem, "{members}");
        }
    }
}

//! CSRF protection by double submit: the server sets a cookie, which has to come back as a header as well.

use alloc::{format, string::String};

/// The cookie's value. It is no secret, and authenticates nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Csrf(String);

impl Csrf {
    /// From the `Set-Cookie` fields of an answer (RFC 6265 §5.2): the last one counts. Its attributes don't:
    /// it is sent nowhere but to the API that set it, and lives as long as the machine.
    pub(crate) fn of<'h>(fields: impl Iterator<Item = &'h str>) -> Option<Self> {
        let value = |field: &'h str| {
            let pair = field.split(';').next()?;
            let (name, value) = pair.split_once('=')?;
            let value = value.trim().trim_matches('"');
            let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
            (name.trim() == NAME && is_plain && !value.is_empty() && value.len() <= BYTES_MAX)
                .then(|| Self(value.into()))
        };
        fields.filter_map(value).last()
    }

    /// Name and value of the two header fields.
    pub(crate) fn headers(&self) -> [(&'static str, String); 2] {
        [("x-csrf", self.0.clone()), ("Cookie", format!("{NAME}={}", self.0))]
    }
}

const NAME: &str = "tiled_csrf";

const BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_goes_back_twice() {
        let csrf = |fields: &[&str]| Csrf::of(fields.iter().copied()).map(|csrf| csrf.headers());
        let expected = [("x-csrf", "a-b_c".into()), ("Cookie", "tiled_csrf=a-b_c".into())];
        for fields in [
            &["tiled_csrf=a-b_c; HttpOnly; Path=/; SameSite=lax"][..],
            &["session=x", "tiled_csrf=old", " tiled_csrf = \"a-b_c\" ;Secure"],
        ] {
            assert_eq!(csrf(fields), Some(expected.clone()), "{fields:?}");
        }
        for fields in [
            &[][..],
            &["session=x"],
            &["tiled_csrf"],
            &["tiled_csrf="],
            &["Tiled_CSRF=a"],
            &["tiled_csrf=a\r\nX: y"],
            &["tiled_csrf=a b"],
        ] {
            assert_eq!(csrf(fields), None, "{fields:?}");
        }
    }
}

//! Tiled's own device flow. It looks like RFC 8628 and is not: `verification_uri` is where the client polls,
//! `authorization_uri` where the user goes, and requests are JSON.

use alloc::boxed::Box;

use url::Url;

use super::address::Api;
use crate::{
    error::{Error, Problem, ServerError},
    flow::DeviceAuthorization,
    wire::{device, json::Object},
};

/// The codes of a login, and the address to poll.
#[derive(Debug)]
pub(super) struct OwnDevice {
    pub(super) authorization: DeviceAuthorization,
    pub(super) poll_at: Url,
}

impl OwnDevice {
    pub(crate) fn parse(object: &Object<'_>, api: &Api) -> Result<Self, Problem> {
        object.must_be_whole()?;
        let page = api.page("authorization_uri", &object.required_text("authorization_uri")?)?;
        let poll_at =
            api.own_link("verification_uri", &object.required_text("verification_uri")?)?;
        let authorization = device::read_shown_at(object, page, None)?;
        Ok(Self { authorization, poll_at })
    }
}

/// The meaning of a refused poll without an error code. 404: the device code is unknown, used or expired. 401
/// or 422: it is malformed. This server has no denial and no `slow_down`; any other answer is not its own.
pub(super) fn refused(error: &ServerError) -> Option<Error> {
    match error.status {
        _ if error.html => None,
        Some(404) => Some(Error::Expired),
        Some(401 | 422) => Some(Error::Refused(Box::new(error.clone()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, string::ToString as _};

    use super::*;

    fn read(text: &str) -> Result<(String, String, u64), Problem> {
        let text = text.replace("HERE", "http://127.0.0.1:8481/api/v1/auth/provider/keycloak");
        let api = Api::new("http://127.0.0.1:8481").unwrap();
        let device = OwnDevice::parse(&Object::parse(&text)?, &api)?;
        let prompt = device.authorization.prompt();
        assert!(prompt.verification_uri_complete.is_none());
        let lifetime = prompt.expires_in.unwrap_or_default().as_secs();
        Ok((prompt.verification_uri.to_string(), device.poll_at.to_string(), lifetime))
    }

    /// As Tiled 0.2.20 answers.
    #[test]
    fn the_user_goes_to_one_address_and_the_client_to_another() {
        let answer = r#"{"authorization_uri":"http://127.0.0.1:8180/auth?client_id=tiled",
            "verification_uri":"HERE/token","interval":5,"device_code":"91dd","expires_in":900.0,
            "user_code":"C18D-DC4F"}"#;
        let (page, poll_at, lifetime) = read(answer).unwrap();
        assert_eq!(page, "http://127.0.0.1:8180/auth?client_id=tiled");
        assert_eq!(poll_at, "http://127.0.0.1:8481/api/v1/auth/provider/keycloak/token");
        assert_eq!(lifetime, 900);
        for (from, to, problem) in [
            ("authorization_uri", "other", Problem::Missing("authorization_uri")),
            ("http://127.0.0.1:8180/auth", "javascript:a", Problem::Invalid("authorization_uri")),
            ("\"verification_uri\"", "\"other\"", Problem::Missing("verification_uri")),
            ("HERE/token", "https://evil.example/", Problem::Invalid("verification_uri")),
            ("user_code", "other", Problem::Missing("user_code")),
            ("device_code", "other", Problem::Missing("device_code")),
        ] {
            assert_eq!(read(&answer.replacen(from, to, 1)), Err(problem), "{from}");
        }
    }
}

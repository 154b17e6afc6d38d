//! The device authorization response: RFC 8628 §3.2.

use alloc::string::{String, ToString as _};
use core::time::Duration;

use url::Url;

use super::json::Object;
use crate::{
    error::Problem,
    flow::{DeviceAuthorization, DevicePrompt},
    secret::DeviceCode,
    server::Transport,
    text::clean,
};

/// The answer, read; its addresses are still text.
#[derive(Debug)]
pub(crate) struct DeviceAnswer {
    device_code: DeviceCode,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Option<Duration>,
    interval: Option<Duration>,
}

impl DeviceAnswer {
    pub(crate) fn parse(object: &Object<'_>) -> Result<Self, Problem> {
        object.must_be_whole()?;
        let either = |uri, url| match object.text(uri)? {
            Some(uri) => Ok(Some(uri)),
            None => {
                let address = object.text(url)?;
                if address.is_some() {
                    object.note(url, "is in the place of a name that ends in `uri`"); // Google, Microsoft
                }
                Ok(address)
            }
        };
        Ok(Self {
            device_code: DeviceCode::new(object.required_text("device_code")?),
            user_code: object.required_text("user_code")?,
            verification_uri: either("verification_uri", "verification_url")?
                .ok_or(Problem::Missing("verification_uri"))?,
            verification_uri_complete: either(
                "verification_uri_complete",
                "verification_url_complete",
            )?,
            expires_in: object.seconds("expires_in")?,
            interval: object.seconds("interval")?,
        })
    }

    /// Tiled's own: the person goes to another page, and `verification_uri` is for polling.
    #[allow(dead_code, reason = "for the flows of Tiled")]
    pub(crate) fn shown_at(self, page: &Url) -> Self {
        Self { verification_uri: page.to_string(), verification_uri_complete: None, ..self }
    }

    pub(crate) fn into_authorization(
        self,
        transport: Transport,
    ) -> Result<DeviceAuthorization, Problem> {
        let page = |name, address: &str| {
            transport.check_page(name, address).map_err(|_| Problem::Invalid(name))
        };
        let complete = self.verification_uri_complete.as_deref();
        let user_code = clean(&self.user_code);
        if user_code.is_empty() {
            return Err(Problem::Invalid("user_code"));
        }
        Ok(DeviceAuthorization {
            device_code: self.device_code,
            prompt: DevicePrompt {
                user_code,
                verification_uri: page("verification_uri", &self.verification_uri)?,
                verification_uri_complete: complete
                    .map(|uri| page("verification_uri_complete", uri))
                    .transpose()?,
                expires_in: self.expires_in,
                interval: self.interval.map_or(INTERVAL_DEFAULT, round_up),
            },
        })
    }
}

pub(crate) fn round_up(duration: Duration) -> Duration {
    let more = u64::from(duration.subsec_nanos() > 0);
    Duration::from_secs(duration.as_secs().saturating_add(more))
}

/// RFC 8628 §3.2: if there is no `interval`. Null, zero and less count as none.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(5);

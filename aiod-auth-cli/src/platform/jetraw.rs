//! Jetraw: its server and its client are configured, since it publishes neither.

use aiod_auth_core::provider::jetraw::Settings;

use super::{Known, Platform, Said};
use crate::failure::Failure;

pub(super) fn known(said: &Said<'_>) -> Result<Known, Failure> {
    let needed = |value: Option<&str>, what| {
        let missing = || {
            let options = Platform::Jetraw.needed_options();
            Failure::config(format!("there is no {what}, and Jetraw publishes none"))
                .with_hint(format!("run `aiod-auth profile set NAME{options}`"))
        };
        value.map(str::to_owned).ok_or_else(missing)
    };
    let (issuer, client_id) =
        (needed(said.issuer, "issuer")?, needed(said.client_id, "client_id")?);
    let mut settings = Settings::new(issuer, client_id);
    settings.organisation = said.organisation.map(Into::into);
    settings.allow_insecure_http = said.allow_insecure_http;
    Ok(Known::of(settings.profile()?))
}

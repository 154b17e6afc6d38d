//! Logins of every kind.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    ClientIdentity, ClientSecret, Endpoint, Error, Issuer, Login, LoginMethod, Profile,
    RefreshToken,
};
use arbitrary::Arbitrary;

use super::{CANARY, ISSUER, deviating::Deviating, script::Script, stage::Stage};

/// A login, and what happens around it.
#[derive(Arbitrary, Debug)]
pub struct LoginScript {
    client: Client,
    with_refresh_token: bool,
    limit_s: u8,
    around: Script,
}

/// Who logs in, and how much is known of the server.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) struct Client {
    has_secret: bool,
    by_device: bool,
    knows_endpoints: bool,
}

/// Plays a script around a login. Returns how it ended: the word of an error's kind, or `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn machine_login(script: &LoginScript) -> &'static str {
    // Whatever happens, a login ends in time, polls at the pace it was told, and leaks no secret.
    let limit = Duration::from_secs(script.limit_s.into());
    let Ok(profile) = script.client.profile(Deviating::default()) else { return "config" };
    let mut login = Login::new(profile, limit, script.around.policy.retry_policy());
    if script.with_refresh_token {
        login = login.with_refresh_token(RefreshToken::new(format!("{CANARY}-given")));
    }
    let mut stage = Stage::new(&script.around);
    stage.time.limit = Some(limit);
    stage.time.begin();
    match stage.play_for_tokens(&mut login) {
        Ok(tokens) => {
            assert!(tokens.access_token.is_some());
            "done"
        }
        Err(error) => error.kind().as_str(),
    }
}

impl Client {
    pub(super) fn identity(self) -> Result<ClientIdentity, Error> {
        let client = ClientIdentity::public("demo")?;
        if self.has_secret {
            return client.with_secret(ClientSecret::new(format!("{CANARY}-client")));
        }
        Ok(client)
    }

    pub(super) fn profile(self, deviating: Deviating) -> Result<Arc<Profile>, Error> {
        let client = self.identity()?;
        let mut profile = Profile::with_client(Issuer::new(ISSUER)?, client);
        if self.by_device {
            profile = profile.with_login(LoginMethod::Device);
        }
        if self.knows_endpoints {
            profile = profile
                .with_endpoint(Endpoint::Token, &format!("{ISSUER}/token"))?
                .with_endpoint(Endpoint::DeviceAuthorization, &format!("{ISSUER}/device"))?;
        }
        let profile = profile.with_deviations(deviating.deviations());
        Ok(Arc::new(profile.with_scope("openid".parse()?)))
    }
}

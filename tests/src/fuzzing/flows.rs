//! Every flow by itself.

use std::time::Duration;

use aiod_auth_core::{
    AccessToken, DeviceCode, Error, Issuer, RefreshToken, Scope, Tokens,
    flow::{
        AccessTokenRequest, DeviceAccessTokenRequest, DeviceAuthorization,
        DeviceAuthorizationParts, DeviceAuthorizationRequest, DevicePrompt, Discovery,
        EndSessionRequest, IntrospectionRequest, RevocationRequest, UserinfoRequest,
    },
};
use arbitrary::Arbitrary;
use url::Url;

use super::{
    CANARY, ISSUER,
    answers::{NOW, server},
    login::Client,
    script::Script,
    stage::Stage,
};

/// A flow, and what happens around it.
#[derive(Arbitrary, Debug)]
pub struct FlowScript {
    client: Client,
    flow: AnyFlow,
    around: Script,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum AnyFlow {
    Discovery { with_path: bool },
    DeviceAuthorization,
    DeviceAccessToken { interval_s: u8, expires_in_s: Option<u8>, limit_s: u8 },
    ClientCredentials,
    Refresh,
    Revocation { of_access_token: bool },
    EndSession,
    Userinfo,
    Introspection { with_bearer: bool },
}

/// Plays a script around a flow. Returns how it ended: the word of an error's kind, or `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn machine_flows(script: &FlowScript) -> &'static str {
    // Whatever happens, a flow ends in time, asks no more often than it may, and leaks no secret.
    match script.play() {
        Ok(()) => "done",
        Err(error) => error.kind().as_str(),
    }
}

impl FlowScript {
    fn play(&self) -> Result<(), Error> {
        let policy = self.around.policy.retry_policy();
        let (client, server, scope) =
            (self.client.identity()?, server()?, "openid".parse::<Scope>()?);
        let refresh_token = RefreshToken::new(format!("{CANARY}-given"));
        let access_token = AccessToken::new(format!("{CANARY}-given")).unwrap();
        let tokens = Tokens::new(AccessToken::new(format!("{CANARY}-own")).unwrap(), NOW);
        let mut stage = Stage::new(&self.around);
        stage.time.limit = Some(policy.time_limit);
        stage.sends_max = policy.attempts.max(1);
        match self.flow {
            AnyFlow::Discovery { with_path } => {
                let path = if with_path { "/realms/r/" } else { "" };
                let issuer = Issuer::new(&format!("{ISSUER}{path}"))?;
                stage.sends_max *= 3;
                let found = stage.play(&mut Discovery::new(issuer, policy))?;
                assert!(!with_path, "another issuer's metadata: {found:?}");
            }
            AnyFlow::DeviceAuthorization => {
                let mut request =
                    DeviceAuthorizationRequest::new(&server, &client, &scope, policy)?;
                stage.play(&mut request)?;
            }
            AnyFlow::DeviceAccessToken { interval_s, expires_in_s, limit_s } => {
                let limit = seconds(limit_s);
                stage.time.limit = Some(limit);
                stage.sends_max = u32::MAX;
                let authorization = authorization(interval_s, expires_in_s);
                stage.time.begin();
                stage.time.code_given(authorization.prompt());
                let mut polls =
                    DeviceAccessTokenRequest::new(&server, &client, &authorization, &scope, limit)?;
                stage.play_for_tokens(&mut polls)?;
            }
            AnyFlow::ClientCredentials => {
                let mut request =
                    AccessTokenRequest::client_credentials(&server, &client, &scope, policy)?;
                stage.time.begin();
                let tokens = stage.play_for_tokens(&mut request)?;
                assert!(tokens.refresh_token.is_none(), "RFC 6749 §4.4.3");
            }
            AnyFlow::Refresh => {
                stage.records.begin(false, false);
                let mut request =
                    AccessTokenRequest::refresh(&server, &client, &refresh_token, &scope, policy)?;
                stage.time.begin();
                stage.play_for_tokens(&mut request)?;
            }
            AnyFlow::Introspection { with_bearer } => {
                let mut request = if with_bearer {
                    IntrospectionRequest::with_bearer(&server, &tokens, &access_token, policy)?
                } else {
                    IntrospectionRequest::new(&server, &client, &access_token, policy)?
                };
                stage.play(&mut request)?;
            }
            AnyFlow::Revocation { of_access_token } => {
                let mut request = if of_access_token {
                    RevocationRequest::access_token(&server, &client, &access_token, policy)?
                } else {
                    RevocationRequest::refresh_token(&server, &client, &refresh_token, policy)?
                };
                stage.play(&mut request)?;
            }
            AnyFlow::EndSession => {
                let mut request = EndSessionRequest::new(&server, &client, &refresh_token, policy)?;
                stage.play(&mut request)?;
            }
            AnyFlow::Userinfo => {
                stage.play(&mut UserinfoRequest::new(&server, &tokens, policy)?)?;
            }
        }
        Ok(())
    }
}

/// As if it had been kept across a restart: whatever was kept.
fn authorization(interval_s: u8, expires_in_s: Option<u8>) -> DeviceAuthorization {
    let Ok(verification_uri) = Url::parse(ISSUER) else { panic!("{ISSUER}") };
    DeviceAuthorization::from_parts(DeviceAuthorizationParts {
        device_code: DeviceCode::new(format!("{CANARY}-device")),
        prompt: DevicePrompt {
            user_code: "ABCD-EFGH".to_owned(),
            verification_uri,
            verification_uri_complete: None,
            expires_in: expires_in_s.map(seconds),
            interval: seconds(interval_s),
        },
    })
}

fn seconds(seconds: u8) -> Duration {
    Duration::from_secs(seconds.into())
}

//! The authorization endpoint (RFC 6749 §4.1.1, RFC 7636, RFC 9207), for native apps (RFC 8252). Its user is
//! signed in and has decided: [`Settings::browser_user`](super::Settings::browser_user).

use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::Simulator;
use super::clients::{AUTHORIZATION_CODE, User};
use super::http::{Answer, Request};
use super::refusal::Refusal;
use super::time;

/// A code that was given out.
#[derive(Debug)]
pub(super) struct AuthorizationCode {
    pub(super) code: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    pub(super) scope: String,
    pub(super) requested_scope: Option<String>,
    pub(super) user: User,
    pub(super) expires_at_ms: u64,
    pub(super) is_used: bool,
}

impl AuthorizationCode {
    /// RFC 7636 §4.6.
    pub(super) fn matches(&self, code_verifier: &str) -> bool {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier)) == self.code_challenge
    }
}

impl Simulator {
    pub(super) fn authorization(
        &mut self,
        now_ms: u64,
        request: &Request,
    ) -> Result<Answer, Refusal> {
        let query = request.query()?;
        // RFC 6749 §4.1.2.1: without these two right there is nowhere to redirect to.
        let client_id = query.require("client_id")?;
        let client = self.clients.iter().find(|client| client.client_id == client_id).cloned();
        let client = client.ok_or_else(|| Refusal::invalid_request("no such client"))?;
        let redirect_uri = query.require("redirect_uri")?.to_owned();
        let mut target = Url::parse(&redirect_uri)
            .ok()
            .filter(|url| url.scheme() == "http" && is_loopback(url))
            .ok_or_else(|| Refusal::invalid_request("redirect_uri is no loopback address"))?;

        let state = query.get("state").map(str::to_owned);
        let decide = || -> Result<String, (&str, &str)> {
            let invalid = |description| ("invalid_request", description);
            client.must_be_allowed(AUTHORIZATION_CODE).map_err(|_| ("unauthorized_client", ""))?;
            if query.get("response_type") != Some("code") {
                return Err(("unsupported_response_type", ""));
            }
            if query.get("code_challenge_method") != Some("S256") {
                return Err(invalid("code_challenge_method must be S256"));
            }
            let code_challenge = query.get("code_challenge").unwrap_or_default();
            if code_challenge.len() != 43 {
                return Err(invalid("code_challenge is no SHA-256"));
            }
            let requested_scope = query.get("scope");
            let scope = client.grant_scope(requested_scope, self.settings.ignore_unknown_scope);
            let scope = scope.map_err(|_| ("invalid_scope", ""))?;
            let user = self.settings.browser_user.and_then(|name| self.user(name)).cloned();
            let user = user.ok_or(("access_denied", "the user said no"))?;
            let code = self.random.token("code");
            self.authorization_codes.push(AuthorizationCode {
                code: code.clone(),
                client_id: client.client_id.clone(),
                redirect_uri,
                code_challenge: code_challenge.to_owned(),
                scope,
                requested_scope: requested_scope.map(str::to_owned),
                user,
                expires_at_ms: time::after(now_ms, CODE_LIFETIME),
                is_used: false,
            });
            Ok(code)
        };
        let decided = decide();
        let mut pairs = target.query_pairs_mut();
        match decided {
            Ok(code) => pairs.append_pair("code", &code),
            Err((error, description)) => {
                pairs.append_pair("error", error);
                pairs.append_pair("error_description", description)
            }
        };
        if let Some(state) = state {
            pairs.append_pair("state", &state);
        }
        // RFC 9207 §2.
        pairs.append_pair("iss", &self.issuer);
        drop(pairs);
        Ok(Answer::redirect(303, target.as_str()))
    }
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
}

/// RFC 6749 §4.1.2 recommends ten minutes at most.
const CODE_LIFETIME: Duration = Duration::from_secs(60);

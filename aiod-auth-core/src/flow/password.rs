//! The password grant: RFC 6749 §4.3. A user's password passes through this program, so nothing offers it
//! by itself (RFC 9700 §2.4): a profile has to name it.

use alloc::string::ToString as _;

use super::access_token_request::TokenRequest;
use crate::{
    client::ClientIdentity,
    error::Error,
    flow::AccessTokenRequest,
    machine::Credentials,
    retry::{Resend, RetryPolicy},
    server::AuthorizationServer,
    token::Scope,
    wire::form::Form,
};

impl AccessTokenRequest {
    /// Tokens for a user name and a password, which are wiped whatever comes of it. For old servers that
    /// know nothing else.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name or a password with a line break or a null character in it (RFC 6749
    /// appendix A.15, A.16). [`Error::Config`] for a server without a token endpoint.
    pub fn password(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        credentials: Credentials,
        scope: &Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        TokenRequest::password(server, client, credentials, scope, policy).map(Self::new)
    }
}

impl TokenRequest {
    #[expect(clippy::needless_pass_by_value, reason = "a password is wiped once it is sent")]
    pub(crate) fn password(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        credentials: Credentials,
        scope: &Scope,
        policy: RetryPolicy,
    ) -> Result<Self, Error> {
        let Credentials { username, password } = &credentials;
        check(&credentials)?;
        let wanted = scope.to_string();
        let mut form = Form::default();
        form.push("grant_type", "password");
        form.push("username", username);
        form.push_password("password", password.expose());
        form.push("scope", &wanted);
        let request = Self::new(server, client, form, scope.clone(), policy)?;
        // A wrong one counts each time, and too many of them lock the user out.
        Ok(request.resent(Resend::IfUnhandled))
    }
}

/// RFC 6749 appendix A.15, A.16.
pub(crate) fn check(credentials: &Credentials) -> Result<(), Error> {
    let Credentials { username, password } = credentials;
    if [username.as_str(), password.expose()].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
        return Err(Error::Usage(
            "a user name and a password can't have a line break or a null character in them",
        ));
    }
    Ok(())
}

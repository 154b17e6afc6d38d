//! The authorization request: RFC 6749 §4.1.1.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString as _},
};
use core::fmt;

use url::Url;
use zeroize::Zeroizing;

use super::redirect::{self, Expected, Redirect};
use crate::{
    client::ClientIdentity,
    entropy::Entropy,
    error::{ConfigProblem, Endpoint, Error},
    parameters::Parameters,
    pkce::CodeVerifier,
    secret::{ClientSecret, Wiped},
    server::AuthorizationServer,
    token::Scope,
};

/// Where to send the user's browser, and what has to come back from there.
///
/// It is good for one login: `state` and the code verifier are its own (RFC 6749 §10.12, RFC 7636 §4.1).
pub struct AuthorizationRequest {
    url: Url,
    redirect_uri: String,
    state: Zeroizing<String>,
    code_verifier: CodeVerifier,
    issuer: String,
    requires_iss: bool,
    /// To hide it in what the server says.
    client_secret: Option<ClientSecret>,
}

impl AuthorizationRequest {
    /// Asks `server` for a code, which it sends to `redirect_uri`: an address that this program listens
    /// on.
    ///
    /// # Errors
    /// [`Error::Config`] for a server without an authorization endpoint, or one that says that it doesn't
    /// take `S256` (RFC 7636 §7.2).
    pub fn new(
        server: &AuthorizationServer,
        client: &ClientIdentity,
        scope: &Scope,
        parameters: &Parameters,
        redirect_uri: impl Into<String>,
        [state, code_verifier]: [Entropy; 2],
    ) -> Result<Self, Error> {
        let endpoint = server.require(Endpoint::Authorization)?;
        if let Some(methods) = &server.code_challenge_methods
            && !methods.iter().any(|method| method == "S256")
        {
            return Err(Error::Config(ConfigProblem::NoS256));
        }
        if endpoint.query_pairs().any(|(name, _)| OWN.contains(&&*name)) {
            return Err(Error::Config(ConfigProblem::ReservedParameter));
        }
        let (redirect_uri, state) = (redirect_uri.into(), state.into_text());
        let code_verifier = CodeVerifier::new(code_verifier);
        let mut url = Url::clone(endpoint);
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client.id())
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("state", &state)
            .append_pair("code_challenge", &code_verifier.challenge())
            .append_pair("code_challenge_method", "S256");
        if !scope.is_empty() {
            query.append_pair("scope", &scope.to_string());
        }
        for (name, value) in parameters.iter() {
            query.append_pair(name, value);
        }
        drop(query);
        let named = server.deviations.issuer.as_deref();
        Ok(Self {
            url,
            redirect_uri,
            state,
            code_verifier,
            issuer: named.unwrap_or_else(|| server.issuer().as_str()).to_owned(),
            requires_iss: server.names_itself_in_redirects,
            client_secret: client.secret().cloned(),
        })
    }

    /// The page to open in the user's own browser (RFC 8252 §8.12). Who reads it can spoil this login, not
    /// take it: the code verifier is not in it.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The address that the browser comes back to, as the server was told.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// What to send along with the code: RFC 7636 §4.5.
    #[must_use]
    pub const fn code_verifier(&self) -> &CodeVerifier {
        &self.code_verifier
    }

    /// Reads what the browser brought back: the query of the address, without its `?`.
    #[must_use]
    pub fn returned(&self, query: &str) -> Redirect {
        let client_secret = self.client_secret.iter().map(ClientSecret::expose);
        let secrets = [self.state.as_str(), self.code_verifier.expose()].into_iter();
        let expected = Expected {
            state: &self.state,
            issuer: &self.issuer,
            requires_iss: self.requires_iss,
            secrets: secrets.chain(client_secret).map(|text| Wiped::new(text.into())).collect(),
        };
        redirect::read(query, expected)
    }

    /// Reads what the user copied out of the browser's address bar, where the browser is on another
    /// machine: the whole address, or its query. The address of a page
    /// before that is no answer.
    #[must_use]
    pub fn pasted(&self, text: &str) -> Redirect {
        let is_around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>');
        let text = text.trim_matches(is_around);
        let query = text.split_once('?').map_or(text, |(_, query)| query);
        // It has the same `state`, and so may every page up to the answer.
        let mut names = query.split(['&', '#']).filter_map(|pair| pair.split('=').next());
        if !names.any(|name| matches!(name, "code" | "error" | "access_token" | "id_token")) {
            return Redirect::NotOurs;
        }
        // A fragment is never part of this answer; tokens in one are refused (AC-08).
        match query.split_once('#') {
            None => self.returned(query),
            Some((query, fragment)) => self.returned(&[query, fragment].join("&")),
        }
    }
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizationRequest(… to {}, …)", self.redirect_uri)
    }
}

/// What stands in each request once. `Parameters` takes none of these names.
const OWN: [&str; 7] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
];

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::server::Issuer;

    fn server(endpoint: &str) -> AuthorizationServer {
        AuthorizationServer::new(Issuer::new("https://as.example").unwrap())
            .with_endpoint(Endpoint::Authorization, endpoint)
            .unwrap()
    }

    fn request(server: &AuthorizationServer) -> Result<AuthorizationRequest, Error> {
        AuthorizationRequest::new(
            server,
            &ClientIdentity::public("cli & co").unwrap(),
            &"openid offline_access".parse().unwrap(),
            &Parameters::default().with("audience", "a").unwrap(),
            "http://127.0.0.1:51004/callback/x",
            [Entropy::new([1; 32]), Entropy::new([2; 32])],
        )
    }

    /// AC-01, AC-11, FORM-07.
    #[test]
    fn the_endpoints_own_query_comes_first() {
        let request = request(&server("https://as.example/authorize?tenant=1")).unwrap();
        assert_eq!(
            request.url().as_str(),
            "https://as.example/authorize?tenant=1&response_type=code&client_id=cli+%26+co\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A51004%2Fcallback%2Fx\
             &state=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\
             &code_challenge=bB1ju9q0N8VDaMu9iIaohqea2XcpfiZe6_H19fAVM7k&code_challenge_method=S256\
             &scope=offline_access+openid&audience=a"
        );
        assert!(!request.url().as_str().contains(request.code_verifier().expose()));
    }

    /// PKCE-04.
    #[test]
    fn plain_is_never_a_way_out() {
        let mut server = server("https://as.example/authorize");
        for (methods, works) in [
            (None, true),
            (Some(vec!["S256", "plain"]), true),
            (Some(vec!["plain"]), false),
            (Some(vec!["s256"]), false),
        ] {
            server.code_challenge_methods =
                methods.clone().map(|methods| methods.into_iter().map(str::to_owned).collect());
            assert_eq!(request(&server).is_ok(), works, "{methods:?}");
        }
    }

    /// FORM-06.
    #[test]
    fn a_parameter_is_never_sent_twice() {
        let error = request(&server("https://as.example/authorize?state=mine")).unwrap_err();
        assert!(error.to_string().contains("authorization_endpoint"), "{error}");
    }

    #[test]
    fn an_address_or_its_query_may_be_pasted() {
        let request = request(&server("https://as.example/authorize")).unwrap();
        let state = request.state.to_string();
        let outcomes: Vec<_> = [
            alloc::format!(" http://127.0.0.1:51004/callback/x?code=c&state={state}\n"),
            alloc::format!("state={state}&code=c"),
            alloc::format!("http://127.0.0.1:51004/callback/x?code=c&state={state}#"),
            alloc::format!("<\"http://127.0.0.1:51004/callback/x?state={state}&code=c\">"),
            alloc::format!("http://127.0.0.1:51004/callback/x#access_token=t&state={state}"),
            request.url().to_string(),
            "c".to_string(),
            String::new(),
        ]
        .iter()
        .map(|text| match request.pasted(text) {
            Redirect::NotOurs => "not ours",
            Redirect::Code(_) => "code",
            Redirect::Failed(_) => "failed",
        })
        .collect();
        assert_eq!(
            outcomes,
            ["code", "code", "code", "code", "failed", "not ours", "not ours", "not ours"]
        );
    }
}

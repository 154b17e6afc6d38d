//! Where a recorded request is one that a machine makes, the machine makes it: the same parts give the
//! same method, address, header fields and form.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aiod_auth_core::{
    AccessToken, AuthenticationMethod, AuthorizationServer, ClientIdentity, ClientSecret, Endpoint,
    Issuer, Machine, Parameters, RefreshToken, Request, RetryPolicy, Scope, Timestamp, Tokens,
    flow::{
        AccessTokenRequest, DeviceAccessTokenRequest, DeviceAuthorizationRequest, Discovery,
        EndSessionRequest, IntrospectionRequest, RevocationRequest, UserinfoRequest,
    },
};
use aiod_auth_tests::verdict::Asked;
use base64::{Engine, prelude::BASE64_STANDARD};
use url::form_urlencoded;

use crate::requests::{all_requests, authorization};

use super::{
    outcomes::{Line, Reader, issuer, table},
    recording::{self, Recording},
};

/// What no machine sends, and the recordings that asked in this way.
const OTHERWISE: [(&str, &[&str]); 7] = [
    (
        "an assertion, which is not built yet",
        &[
            "glewlwyd/client_credentials_private_key_jwt_rs256",
            "keycloak/client_credentials_client_secret_jwt",
            "keycloak/client_credentials_private_key_jwt_aud_token_endpoint",
            "keycloak/client_credentials_private_key_jwt_es256",
            "keycloak/client_credentials_private_key_jwt_rs256",
            "oidc-provider/client_credentials_client_secret_jwt",
            "oidc-provider/client_credentials_private_key_jwt_aud_token_endpoint",
            "oidc-provider/client_credentials_private_key_jwt_es256",
            "oidc-provider/client_credentials_private_key_jwt_rs256",
        ],
    ),
    (
        "PKCE in the device flow, which is not built yet",
        &["keycloak/device_ok_confidential_pkce", "keycloak/poll_success_pkce"],
    ),
    (
        "a proof of possession, which is not built yet",
        &["keycloak/dpop_userinfo_ok", "oidc-provider/dpop_userinfo_ok"],
    ),
    (
        "a scope to refresh with: REF-02",
        &[
            "keycloak/refresh_scope_openid_only",
            "keycloak/refresh_wider_scope",
            "oidc-provider/refresh_narrower_scope",
        ],
    ),
    ("two ways to authenticate: CAUT-03", &["keycloak/client_credentials_basic_and_post"]),
    (
        "a tilde as it is and not as %7E, which means the same: CAUT-02",
        &["oidc-provider/client_credentials_odd_secret_basic_encoded"],
    ),
    ("an address where no standard says that metadata is", &["keycloak/discovery_oauth_as_suffix"]),
];

#[test]
fn a_machine_sends_what_was_recorded() {
    let recordings = recording::all();
    let (mut same, mut differs) = (BTreeSet::new(), BTreeMap::new());
    for (name, line) in table() {
        let Line::Replayed(Reader::Machine(asked), says) = line else { continue };
        // What was refused was often asked in a way that no machine asks.
        if !says.starts_with("ok") {
            continue;
        }
        let recorded = Sent::recorded(&recordings[&name]);
        let ours = sent_for(asked, &recordings[&name]);
        if ours.contains(&recorded) {
            same.insert(format!("{asked:?}"));
        } else {
            differs.insert(name, format!("sends {ours:?}\n  not {recorded:?}"));
        }
    }
    let otherwise = OTHERWISE.iter().flat_map(|(_, names)| names.iter());
    for name in otherwise {
        assert!(differs.remove(*name).is_some(), "{name} is sent as it was recorded");
    }
    assert!(differs.is_empty(), "{} differ\n{differs:#?}", differs.len());
    assert_eq!(same.len(), 9, "not every machine: {same:?}");
}

/// A request, as far as it can be the same twice.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    /// Sorted, and so are the words of a scope.
    form: Vec<(String, String)>,
}

impl Sent {
    fn new(
        method: &str,
        url: &str,
        headers: impl Iterator<Item = (String, String)>,
        body: &[u8],
    ) -> Self {
        let mut form: Vec<_> = form_urlencoded::parse(body).map(parameter).collect();
        form.retain(|(name, _)| name != "token_type_hint"); // RFC 7009 §2.1: it may be there
        form.sort();
        // What else is sent changes no answer.
        let headers = headers
            .filter(|(name, _)| ["Accept", "Authorization", "Content-Type"].contains(&&**name))
            .collect();
        Self { method: method.to_owned(), url: url.to_owned(), headers, form }
    }

    fn ours(request: &Request) -> Self {
        let headers = request.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (method, url) = (request.method().as_str(), request.url().as_str());
        Self::new(method, url, headers, request.body())
    }

    fn recorded(recording: &Recording) -> Self {
        let request = &recording.request;
        let headers = request.headers.clone().into_iter();
        Self::new(&request.method, &request.url, headers, request.body.as_bytes())
    }
}

fn parameter((name, value): (Cow<'_, str>, Cow<'_, str>)) -> (String, String) {
    if name != "scope" {
        return (name.into_owned(), value.into_owned());
    }
    let mut words: Vec<&str> = value.split(' ').collect();
    words.sort_unstable();
    (name.into_owned(), words.join(" "))
}

/// What the machine sends for the parts of that request, at each place where it asks.
fn sent_for(asked: Asked, recording: &Recording) -> Vec<Sent> {
    let policy = RetryPolicy::default();
    let (client, scope) = (recording.client(), recording.scope());
    let parameters = recording.parameters();
    let server = |endpoint| recording.server(endpoint);
    let old = RefreshToken::new(recording.value("refresh_token").unwrap_or_default());
    match asked {
        Asked::Metadata => {
            let issuer = Issuer::new(&issuer(recording).unwrap()).unwrap();
            sent(Discovery::new(issuer, policy))
        }
        Asked::Device => {
            let server = server(Endpoint::DeviceAuthorization);
            let machine = DeviceAuthorizationRequest::new(&server, &client, &scope, policy);
            sent(machine.unwrap().with_parameters(&parameters))
        }
        Asked::Poll => {
            let (server, limit) = (server(Endpoint::Token), Duration::from_secs(60));
            let authorization = authorization(&recording.value("device_code").unwrap());
            let machine =
                DeviceAccessTokenRequest::new(&server, &client, &authorization, &scope, limit);
            sent(machine.unwrap().with_parameters(&parameters))
        }
        Asked::Refresh => {
            let server = server(Endpoint::Token);
            let machine = AccessTokenRequest::refresh(&server, &client, &old, &scope, policy);
            sent(machine.unwrap().with_parameters(&parameters))
        }
        Asked::ClientCredentials => {
            let server = server(Endpoint::Token);
            match AccessTokenRequest::client_credentials(&server, &client, &scope, policy) {
                Ok(machine) => sent(machine.with_parameters(&parameters)),
                Err(_) => Vec::new(),
            }
        }
        Asked::Revocation => {
            let server = server(Endpoint::Revocation);
            let token = RefreshToken::new(recording.value("token").unwrap());
            let machine = RevocationRequest::refresh_token(&server, &client, &token, policy);
            sent(machine.unwrap())
        }
        Asked::EndSession => {
            let server = server(Endpoint::EndSession);
            sent(EndSessionRequest::new(&server, &client, &old, policy).unwrap())
        }
        Asked::Userinfo => {
            let header = &recording.request.headers["Authorization"];
            let token = header.split_once(' ').unwrap().1;
            let tokens = Tokens::new(AccessToken::new(token).unwrap(), NOW);
            let server = server(Endpoint::Userinfo);
            sent(UserinfoRequest::new(&server, &tokens, policy).unwrap())
        }
        Asked::Introspection => {
            let server = server(Endpoint::Introspection);
            let token = AccessToken::new(recording.value("token").unwrap()).unwrap();
            sent(IntrospectionRequest::new(&server, &client, &token, policy).unwrap())
        }
    }
}

fn sent(mut machine: impl Machine) -> Vec<Sent> {
    all_requests(&mut machine).iter().map(Sent::ours).collect()
}

impl Recording {
    /// A parameter of the form.
    fn value(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.request.body.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Who sent it, and how it said so.
    fn client(&self) -> ClientIdentity {
        let basic = self.request.headers.get("Authorization");
        if let Some(basic) = basic.and_then(|header| header.strip_prefix("Basic ")) {
            let decoded = BASE64_STANDARD.decode(basic).unwrap();
            let decoded = String::from_utf8(decoded).unwrap();
            let (id, secret) = decoded.split_once(':').unwrap();
            let secret = ClientSecret::new(unescaped(secret));
            return ClientIdentity::public(unescaped(id)).unwrap().with_secret(secret).unwrap();
        }
        let id = self.value("client_id").unwrap_or_else(|| "nobody".to_owned());
        let client = ClientIdentity::public(id).unwrap();
        let Some(secret) = self.value("client_secret") else { return client };
        let post = AuthenticationMethod::ClientSecretPost;
        client.with_secret(ClientSecret::new(secret)).unwrap().with_authentication_method(post)
    }

    fn scope(&self) -> Scope {
        self.value("scope").unwrap_or_default().parse().unwrap()
    }

    /// What is in the form besides what a flow sends by itself.
    fn parameters(&self) -> Parameters {
        form_urlencoded::parse(self.request.body.as_bytes())
            .fold(Parameters::default(), |all, (name, value)| {
                all.clone().with(&name, &value).unwrap_or(all)
            })
    }

    fn server(&self, endpoint: Endpoint) -> AuthorizationServer {
        let issuer = Issuer::new("http://127.0.0.1").unwrap();
        AuthorizationServer::new(issuer).with_endpoint(endpoint, &self.request.url).unwrap()
    }
}

fn unescaped(text: &str) -> String {
    let pair = format!("value={text}");
    form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

//! What the crates write is read back by independent code (`decode`).

use std::{fs, time::Duration};

use aiod_auth_core::{
    AccessToken, AuthenticationMethod, AuthorizationServer, ClientIdentity, ClientSecret, Error,
    IdToken, Machine, Parameters, RecordKey, RefreshToken, Request, RetryPolicy, Scope, Timestamp,
    Tokens,
    flow::{
        AccessTokenRequest, DeviceAuthorizationRequest, EndSessionPage, RevocationRequest,
        UserinfoRequest,
    },
};
use aiod_auth_store::Store as _;
use arbitrary::Arbitrary;

use super::{decode, store_file::Place};
use crate::{
    drive,
    fuzzing::answers::{NOW, server},
};

/// What goes over the wire, and to the disk.
#[derive(Arbitrary, Debug)]
pub struct EncodingScript {
    client_id: String,
    client_secret: String,
    in_body: bool,
    token: String,
    other: Option<String>,
    parameter: (String, String),
    scope: Vec<u8>,
    issuer: String,
    resource: Vec<String>,
    times: [Option<i64>; 3],
    cut: u16,
}

/// Writes it, and reads it with a second implementation. Returns how it ended: the word of an
/// error's kind, or `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn encoding(script: &EncodingScript) -> &'static str {
    // Whatever is in it, it comes back as it was: from forms, headers, addresses, and records.
    script.to_disk();
    match script.to_wire() {
        Ok(()) => "done",
        Err(error) => error.kind().as_str(),
    }
}

impl EncodingScript {
    fn to_wire(&self) -> Result<(), Error> {
        let (server, client, scope) = (server()?, self.client()?, self.scope());
        let (policy, wanted) = (RetryPolicy::default(), scope.to_string());
        let token = RefreshToken::new(self.token.as_str());

        // One that is not allowed is not sent.
        let (name, value) = (self.parameter.0.as_str(), self.parameter.1.as_str());
        let parameters = Parameters::default().with(name, value);
        let extra = if parameters.is_ok() { (name, value) } else { ("", "") };
        let parameters = parameters.unwrap_or_default();

        let request = AccessTokenRequest::refresh(&server, &client, &token, &scope, policy)?;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &self.token), extra];
        self.sends(&mut request.with_parameters(&parameters), &fields);
        if client.is_confidential() {
            let request = AccessTokenRequest::client_credentials(&server, &client, &scope, policy)?;
            let fields = [("grant_type", "client_credentials"), ("scope", &wanted), extra];
            self.sends(&mut request.with_parameters(&parameters), &fields);
        }
        let request = DeviceAuthorizationRequest::new(&server, &client, &scope, policy)?;
        self.sends(&mut request.with_parameters(&parameters), &[("scope", &wanted), extra]);
        let mut request = RevocationRequest::refresh_token(&server, &client, &token, policy)?;
        let fields = [("token", self.token.as_str()), ("token_type_hint", "refresh_token")];
        self.sends(&mut request, &fields);

        if let Some(token) = self.access_token() {
            let mut request = UserinfoRequest::new(&server, &Tokens::new(token, NOW), policy)?;
            let bearer = format!("Bearer {}", self.token);
            with_request(&mut request, |request| {
                assert_eq!(header(request, "Authorization"), Some(bearer.as_str()));
                assert!(request.body().is_empty());
            });
        }
        self.in_an_address(&server, &client)
    }

    fn in_an_address(
        &self,
        server: &AuthorizationServer,
        client: &ClientIdentity,
    ) -> Result<(), Error> {
        let mut page = EndSessionPage::new(server, client)?;
        let mut expected = vec![("client_id".to_owned(), self.client_id.clone())];
        if let Some(id_token) = &self.other {
            page = page.with_id_token_hint(&IdToken::new(id_token.as_str()));
            expected.push(("id_token_hint".to_owned(), id_token.clone()));
        }
        let mut fields = decode::form(page.url().query().unwrap_or_default().as_bytes());
        fields.sort();
        assert_eq!(fields, expected);
        Ok(())
    }

    /// These fields, and the client's in one place and no other: RFC 6749 §2.3.
    fn sends<M: Machine>(&self, machine: &mut M, fields: &[(&str, &str)]) {
        let (id, secret) = (self.client_id.as_str(), self.client_secret.as_str());
        let mut expected = fields.to_vec();
        let basic = !secret.is_empty() && !self.in_body;
        if !basic {
            expected.extend([("client_id", id), ("client_secret", secret)]);
        }
        // RFC 6749 §3.2: one without a value is as good as none.
        expected.retain(|(_, value)| !value.is_empty());
        expected.sort_unstable();
        with_request(machine, |request| {
            let mut sent = decode::form(request.body());
            sent.sort();
            let sent: Vec<_> = sent.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(sent, expected);
            let found = header(request, "Authorization").map(credentials);
            assert_eq!(found, basic.then(|| (id.to_owned(), secret.to_owned())));
        });
    }

    fn to_disk(&self) {
        let (key, tokens) = (self.key(), self.tokens());
        let place = match Place::new(&key) {
            Ok(place) => place,
            Err(error) => panic!("no folder, so nothing was tried: {error}"),
        };
        let saved = place.store.save(&key, &tokens);
        assert!(saved.is_ok(), "{saved:?}");
        match place.store.load(&key) {
            Ok(Some(loaded)) => same(&loaded, &tokens),
            other => panic!("saved, and then {other:?}"),
        }
        let content = place.content();
        let text = String::from_utf8_lossy(&content);
        let Some(members) = decode::record(&text) else { panic!("what is this? {text}") };
        let said = |member: &str| members.get(member).map(String::as_str);
        let access = tokens.access_token.as_ref().map(AccessToken::expose);
        assert_eq!(said("tokens.access_token"), access);
        assert_eq!(said("tokens.refresh_token"), self.other_token());
        assert_eq!(said("tokens.id_token"), self.other_token());
        assert_eq!(said("key.issuer"), Some(key.issuer.as_str()));
        assert_eq!(said("key.client_id"), Some(key.client_id.as_str()));
        assert_eq!(said("key.account"), self.other.as_deref());
        assert_eq!(said("tokens.scope"), Some(tokens.scope.to_string().as_str()));

        // Cut off anywhere, it is no other record.
        let cut = content.len() - 1 - usize::from(self.cut) % content.len();
        let written = fs::write(&place.path, &content[..cut]);
        assert!(written.is_ok(), "{written:?}");
        let loaded = place.store.load(&key);
        assert!(loaded.is_err(), "of {} bytes {cut} are a record: {loaded:?}", content.len());
    }

    fn client(&self) -> Result<ClientIdentity, Error> {
        let client = ClientIdentity::public(self.client_id.as_str())?
            .with_secret(ClientSecret::new(self.client_secret.as_str()))?;
        Ok(if self.in_body && client.is_confidential() {
            client.with_authentication_method(AuthenticationMethod::ClientSecretPost)
        } else {
            client
        })
    }

    /// Of what scopes may consist of: RFC 6749 §3.3.
    fn scope(&self) -> Scope {
        let text: String = self.scope.iter().map(|byte| char::from(byte % 0x5f + 0x20)).collect();
        text.replace(['"', '\\'], " ").parse().unwrap_or_default()
    }

    fn key(&self) -> RecordKey {
        RecordKey {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            account: self.other.clone(),
            scope: self.scope(),
            resource: self.resource.clone(),
        }
    }

    /// An access token is what may stand in a header: any other text is none.
    fn access_token(&self) -> Option<AccessToken> {
        let token = AccessToken::new(self.token.as_str()).ok();
        let fits = !self.token.is_empty()
            && self.token.trim_matches(' ') == self.token
            && self.token.bytes().all(|b| matches!(b, 0x20..=0x7e));
        assert_eq!(token.is_some(), fits, "{:?}", self.token);
        token
    }

    /// An empty one is none.
    fn other_token(&self) -> Option<&str> {
        self.other.as_deref().filter(|text| !text.is_empty())
    }

    fn tokens(&self) -> Tokens {
        let [issued_at, expires_at, ended_at] =
            self.times.map(|time| time.map(Timestamp::from_unix_millis));
        let word = AccessToken::new("word").unwrap();
        let mut tokens = Tokens::new(word, issued_at.unwrap_or(NOW));
        // Without any token it is no record.
        if self.access_token().is_some() || self.other_token().is_some() {
            tokens.access_token = self.access_token();
        }
        tokens.refresh_token = self.other_token().map(RefreshToken::new);
        tokens.id_token = self.other_token().map(IdToken::new);
        tokens.scope = self.scope();
        (tokens.expires_at, tokens.session_ended_at) = (expires_at, ended_at);
        tokens
    }
}

fn with_request<M: Machine>(machine: &mut M, then: impl FnOnce(&Request)) {
    match drive::next_request(machine, NOW) {
        Some(request) => then(&request),
        None => panic!("nothing is sent"),
    }
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers().find(|(there, _)| *there == name).map(|(_, value)| value)
}

/// RFC 6749 §2.3.1.
fn credentials(basic: &str) -> (String, String) {
    let bytes = basic.strip_prefix("Basic ").and_then(decode::base64);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let Some((id, secret)) = text.split_once(':') else { panic!("no credentials: {basic}") };
    (decode::unescaped(id.as_bytes()), decode::unescaped(secret.as_bytes()))
}

/// As they were, but for what is finer than a second: times are never later.
pub(super) fn same(loaded: &Tokens, saved: &Tokens) {
    let refresh = |tokens: &Tokens| tokens.refresh_token.as_ref().map(|t| t.expose().to_owned());
    let id = |tokens: &Tokens| tokens.id_token.as_ref().map(|token| token.expose().to_owned());
    let access = |tokens: &Tokens| tokens.access_token.as_ref().map(|t| t.expose().to_owned());
    assert_eq!(access(loaded), access(saved));
    assert_eq!((refresh(loaded), id(loaded)), (refresh(saved), id(saved)));
    assert_eq!(loaded.scope, saved.scope);
    let times = |tokens: &Tokens| {
        [
            Some(tokens.issued_at),
            tokens.expires_at,
            tokens.refresh_expires_at,
            tokens.session_ended_at,
        ]
    };
    for (loaded, saved) in times(loaded).into_iter().zip(times(saved)) {
        assert_eq!(loaded.is_some(), saved.is_some());
        let (Some(loaded), Some(saved)) = (loaded, saved) else { continue };
        let lost = saved.saturating_duration_since(loaded);
        assert!(loaded <= saved && lost < Duration::from_secs(1), "{loaded:?} of {saved:?}");
    }
}

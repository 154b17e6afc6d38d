//! Who is registered: clients, with what each may do, and the users who approve them.

use super::refusal::Refusal;

/// The grant type of RFC 8628 §3.4.
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The grant type of RFC 6749 §6.
pub const REFRESH_TOKEN: &str = "refresh_token";
/// The grant type of RFC 6749 §4.4.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

/// The grant type of RFC 6749 §4.1.3.
pub const AUTHORIZATION_CODE: &str = "authorization_code";
/// The grant type of RFC 6749 §4.3.2.
pub const PASSWORD: &str = "password";

/// A registered client (the names are those of RFC 7591 §2).
#[derive(Clone, Debug)]
pub struct Client {
    /// What the client calls itself in requests.
    pub client_id: String,
    /// Empty for a public client.
    pub client_secret: String,
    /// What the approval page calls it.
    pub client_name: String,
    /// The grants it may use.
    pub grant_types: Vec<&'static str>,
    /// The scopes it may have, separated by spaces.
    pub scope: String,
    /// The scope of a request that names none (RFC 6749 §3.3).
    pub default_scope: String,
}

impl Client {
    /// A client without a secret, for the device flow and the browser flow.
    #[must_use]
    pub fn public(client_id: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret: String::new(),
            client_name: client_id.to_owned(),
            grant_types: vec![DEVICE_CODE, AUTHORIZATION_CODE, REFRESH_TOKEN],
            scope: SCOPE.to_owned(),
            default_scope: "profile".to_owned(),
        }
    }

    /// A client with a secret, for its own tokens.
    #[must_use]
    pub fn confidential(client_id: &str, client_secret: &str) -> Self {
        Self {
            client_secret: client_secret.to_owned(),
            grant_types: vec![CLIENT_CREDENTIALS],
            ..Self::public(client_id)
        }
    }

    pub(super) fn is_public(&self) -> bool {
        self.client_secret.is_empty()
    }

    pub(super) fn must_be_allowed(&self, grant_type: &str) -> Result<(), Refusal> {
        if self.grant_types.contains(&grant_type) {
            return Ok(());
        }
        Err(Refusal::unauthorized_client("the client may not use this grant type"))
    }

    /// Which scope this client gets when it asks for `requested` (RFC 6749 §3.3).
    pub(super) fn grant_scope(
        &self,
        requested: Option<&str>,
        ignore_unknown: bool,
    ) -> Result<String, Refusal> {
        let Some(requested) = requested else {
            return Ok(self.default_scope.clone());
        };
        if !ignore_unknown && !is_within(requested, &self.scope) {
            return Err(Refusal::invalid_scope("the client may not have this scope"));
        }
        let granted: Vec<&str> =
            requested.split_whitespace().filter(|scope| is_within(scope, &self.scope)).collect();
        Ok(granted.join(" "))
    }
}

/// A user, or the service account of a client.
#[derive(Clone, Debug)]
pub struct User {
    /// The identifier that never changes.
    pub sub: String,
    /// What a user is called.
    pub name: String,
    /// What a user signs in with.
    pub preferred_username: String,
    /// What a user may do at the services behind this server.
    pub roles: Vec<String>,
}

impl User {
    /// A user whose names all follow from one.
    #[must_use]
    pub fn new(preferred_username: &str, name: &str, roles: &[&str]) -> Self {
        Self {
            sub: format!("sub-{preferred_username}"),
            name: name.to_owned(),
            preferred_username: preferred_username.to_owned(),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
        }
    }
}

/// The clients that every simulator starts with.
pub(super) fn initial_clients() -> Vec<Client> {
    vec![
        Client { client_name: "the aiod-auth demo".to_owned(), ..Client::public("demo") },
        Client::confidential("bot", "bot-secret"),
        // Every character here is one that some client forgets to encode (RFC 6749 §2.3.1).
        Client::confidential("bot:odd id", "p:a+s%20s/w&o=rd é"),
    ]
}

/// The users that every simulator starts with; the first is who the approval page proposes.
pub(super) fn initial_users() -> Vec<User> {
    vec![
        User::new("alice", "Alice Example", &["edit_aiod_resources", "crawler_example"]),
        User::new("bob", "Bob Example", &[]),
    ]
}

/// Whether every scope of the first list is in the second.
pub(super) fn is_within(scope: &str, other: &str) -> bool {
    scope.split_whitespace().all(|scope| other.split_whitespace().any(|other| other == scope))
}

/// What a client may have unless it is registered with something else, and what is advertised.
pub(super) const SCOPE: &str = "openid profile roles offline_access";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_is_what_was_asked_for_and_allowed() {
        let client = Client::public("demo");
        for (requested, ignore_unknown, granted) in [
            (None, false, Some("profile")),
            (Some("openid profile"), false, Some("openid profile")),
            (Some("openid admin"), false, None),
            (Some("openid admin"), true, Some("openid")),
            (Some("OpenID"), false, None),
        ] {
            let answer = client.grant_scope(requested, ignore_unknown);
            assert_eq!(answer.ok().as_deref(), granted, "{requested:?}");
        }
    }
}

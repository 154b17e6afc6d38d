//! What a server says of itself: GET of its API's address.

use alloc::{borrow::ToOwned, collections::BTreeSet, string::String, vec::Vec};

use url::Url;

use super::address::Api;
use crate::{
    error::{ConfigProblem, Endpoint, Error, Problem},
    text::clean,
    token::Scope,
    wire::{answer::malformed, json::Object},
};

/// How to log in to a server, and where the rest is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Whether nothing can be read without a login.
    pub is_required: bool,
    /// Those that can be chosen from. None: a server for a single user, with one API key.
    pub providers: Vec<Provider>,
    /// Who is logged in.
    pub whoami: Option<Url>,
    /// API keys: created, described and revoked here.
    pub api_keys: Option<Url>,
    /// Where the Tiled server refreshes its own tokens. With an OpenID provider, that one does.
    pub refresh: Option<Url>,
    /// Where the browser ends an OpenID provider's session.
    pub logout: Option<Url>,
    /// Links that can't be used, and why: what needs none of them works.
    unusable: Vec<(&'static str, Problem)>,
}

/// One way to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Provider {
    /// Its name, to choose by.
    pub name: String,
    /// How.
    pub login: ProviderLogin,
    /// What to say afterwards, with `{id}` in it for the user's name.
    pub confirmation_message: Option<String>,
}

/// How a provider logs a user in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderLogin {
    /// With a password, which goes to the server itself.
    Password {
        /// Where it goes.
        token_endpoint: Url,
    },
    /// Tiled's own device flow.
    Device {
        /// Where it begins.
        endpoint: Url,
    },
    /// RFC 8628, at an OpenID provider whose tokens the server takes.
    OpenId {
        /// Where it begins.
        device_authorization_endpoint: Url,
        /// Where it ends.
        token_endpoint: Url,
        /// As which client.
        client_id: String,
        /// Which scopes to ask for.
        scope: Scope,
    },
    /// What can't be used, and why. It is no reason not to use another one.
    Unusable(Problem),
}

impl Description {
    /// Reads it.
    pub(crate) fn parse(object: &Object<'_>, api: &Api) -> Result<Self, Problem> {
        object.must_be_whole()?;
        let about = object.object("authentication")?.ok_or(Problem::Missing("authentication"))?;
        let links = about.object("links")?;
        let mut unusable = Vec::new();
        let mut link = |name| {
            let address = links.as_ref()?.text(name).transpose()?;
            let link = address.and_then(|address| api.own_link(name, &address));
            link.map_err(|problem| unusable.push((name, problem))).ok()
        };
        // At an OpenID provider, these two are its own.
        let elsewhere = |name| {
            let address = links.as_ref()?.text(name).ok()??;
            api.own_link(name, &address).or_else(|_| api.other_link(name, &address)).ok()
        };
        Ok(Self {
            is_required: about.boolean("required").ok().flatten().unwrap_or_default(),
            providers: about
                .items("providers")?
                .into_iter()
                .map(|provider| Provider::parse(provider, api))
                .collect(),
            whoami: link("whoami"),
            api_keys: link("apikey"),
            refresh: elsewhere("refresh_session"),
            logout: elsewhere("logout"),
            unusable,
        })
    }

    /// Where who is logged in is asked.
    pub(super) fn needed_whoami(&self) -> Result<&Url, Error> {
        self.whoami.as_ref().ok_or_else(|| self.why_not_for_users("whoami"))
    }

    /// Where API keys are made, described and revoked.
    pub(super) fn needed_api_keys(&self) -> Result<&Url, Error> {
        self.api_keys.as_ref().ok_or_else(|| self.why_not_for_users("apikey"))
    }

    /// Where the tokens are refreshed.
    pub(super) fn needed_refresh(&self) -> Result<&Url, Error> {
        self.refresh.as_ref().ok_or_else(|| self.why_not("refresh_session"))
    }

    /// A server for a single user has no users, and says nothing of what they need.
    fn why_not_for_users(&self, name: &'static str) -> Error {
        let is_odd = self.unusable.iter().any(|(link, _)| *link == name);
        match self.providers.is_empty() && !is_odd {
            true => Error::Usage(
                "this server has a single user and one API key: it knows no names, and makes no other keys",
            ),
            false => self.why_not(name),
        }
    }

    fn why_not(&self, name: &'static str) -> Error {
        let unusable = self.unusable.iter().find(|(link, _)| *link == name);
        let problem = unusable.map_or(Problem::Missing(name), |(_, problem)| problem.clone());
        malformed(Endpoint::Metadata, 200, problem)
    }

    /// What there is to choose from: the provider of this name, else those that can be used. Where none can,
    /// the first one says why.
    ///
    /// # Errors
    /// [`Error::Config`] for a name that is none, [`Error::Usage`] for a server without providers.
    pub fn choices(&self, name: Option<&str>) -> Result<Vec<&Provider>, Error> {
        let Some(first) = self.providers.first() else {
            return Err(Error::Usage(
                "this server has no logins, but one API key, which goes into TILED_API_KEY",
            ));
        };
        if let Some(name) = name {
            let named = self.providers.iter().find(|known| known.name == name);
            let names = || {
                let names = self.providers.iter().map(|known| known.name.clone());
                names.filter(|name| !name.is_empty()).collect()
            };
            let no_such = || Error::Config(ConfigProblem::NoSuchProvider { names: names() });
            return Ok(Vec::from([named.ok_or_else(no_such)?]));
        }
        let usable: Vec<_> = self.providers.iter().filter(|it| it.usable().is_ok()).collect();
        Ok(if usable.is_empty() { Vec::from([first]) } else { usable })
    }
}

impl Provider {
    fn parse(object: Result<Object<'_>, Problem>, api: &Api) -> Self {
        let unusable = |name, problem| Self {
            name,
            login: ProviderLogin::Unusable(problem),
            confirmation_message: None,
        };
        let object = match object {
            Ok(object) => object,
            Err(problem) => return unusable(String::new(), problem),
        };
        let text = |name| object.text(name).ok().flatten().map(|text| clean(&text));
        let name = text("provider").unwrap_or_default();
        match ProviderLogin::parse(&object, api) {
            Ok(login) => {
                let message = text("confirmation_message").filter(|words| !words.is_empty());
                Self { name, login, confirmation_message: message }
            }
            Err(problem) if name.is_empty() => unusable(name, problem),
            Err(problem) => {
                let problem = Problem::OfProvider { name: name.clone(), problem: problem.into() };
                unusable(name, problem)
            }
        }
    }

    /// The words for after the login.
    #[must_use]
    pub fn confirmation(&self, id: &str) -> Option<String> {
        let message = self.confirmation_message.as_ref()?;
        Some(message.replace("{id}", &clean(id)))
    }

    /// How it logs in, if it can.
    ///
    /// # Errors
    /// [`Error::InvalidResponse`] for a mode that is not known, or a link that is missing or leads to
    /// another server.
    pub fn usable(&self) -> Result<&ProviderLogin, Error> {
        match &self.login {
            ProviderLogin::Unusable(problem) => {
                Err(malformed(Endpoint::Metadata, 200, problem.clone()))
            }
            login @ (ProviderLogin::Password { .. }
            | ProviderLogin::Device { .. }
            | ProviderLogin::OpenId { .. }) => Ok(login),
        }
    }
}

impl ProviderLogin {
    fn parse(object: &Object<'_>, api: &Api) -> Result<Self, Problem> {
        object.required_text("provider")?;
        let mode = object.required_text("mode")?;
        let links = object.object("links")?.ok_or(Problem::Missing("links"))?;
        let address = links.required_text("auth_endpoint")?;
        let own = || api.own_link("auth_endpoint", &address);
        match &*mode {
            // Servers before 0.1.0b18 say `password`.
            "internal" | "password" => Ok(Self::Password { token_endpoint: own()? }),
            "external" => match (links.text("client_id")?, links.text("token_endpoint")?) {
                (Some(client_id), Some(token_endpoint)) => Ok(Self::OpenId {
                    device_authorization_endpoint: api.other_link("auth_endpoint", &address)?,
                    token_endpoint: api.other_link("token_endpoint", &token_endpoint)?,
                    client_id: client_id.into(),
                    scope: scope(object)?,
                }),
                // As the real client has it: without both, it is Tiled's own.
                (_, _) => Ok(Self::Device { endpoint: own()? }),
            },
            mode => Err(Problem::UnknownMode(clean(mode))),
        }
    }
}

/// `openid offline_access`, and what the server asks for.
fn scope(object: &Object<'_>) -> Result<Scope, Problem> {
    let asked = object.strings("extra_scopes")?.unwrap_or_default();
    let all: BTreeSet<String> =
        ["openid", "offline_access"].map(ToOwned::to_owned).into_iter().chain(asked).collect();
    Scope::new(all).map_err(|_| Problem::Invalid("extra_scopes"))
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString as _};

    use super::*;

    fn description(text: &str) -> Result<Description, Problem> {
        Description::parse(&Object::parse(text)?, &Api::new("http://127.0.0.1:8480").unwrap())
    }

    fn provider(text: &str) -> String {
        let text = text.replace("HERE", "http://127.0.0.1:8480/api/v1/auth/provider/x");
        let text = format!(r#"{{"authentication":{{"required":true,"providers":[{text}]}}}}"#);
        let description = description(&text).unwrap();
        match description.choices(None).unwrap()[0].usable() {
            Ok(ProviderLogin::Password { .. }) => "password".into(),
            Ok(ProviderLogin::Device { .. }) => "device".into(),
            Ok(ProviderLogin::OpenId { client_id, scope, .. }) => format!("{client_id}: {scope}"),
            Ok(ProviderLogin::Unusable(_)) => unreachable!("it is an error"),
            Err(error) => error.to_string().split_once(": ").unwrap().1.into(),
        }
    }

    #[test]
    fn the_links_decide_which_device_flow_it_is() {
        for (text, expected) in [
            (
                r#"{"provider":"x","mode":"internal","links":{"auth_endpoint":"HERE/token"}}"#,
                "password",
            ),
            (
                r#"{"provider":"x","mode":"password","links":{"auth_endpoint":"HERE/token"}}"#,
                "password",
            ),
            (
                r#"{"provider":"x","mode":"external","links":{"auth_endpoint":"HERE/authorize"}}"#,
                "device",
            ),
            (
                r#"{"provider":"x","mode":"external","links":{"auth_endpoint":"HERE/authorize",
                    "client_id":"c"}}"#,
                "device",
            ),
            (
                r#"{"provider":"x","mode":"external","extra_scopes":["a","openid"],"links":{
                    "auth_endpoint":"https://as.example/device","client_id":"c",
                    "token_endpoint":"https://as.example/token"}}"#,
                "c: a offline_access openid",
            ),
        ] {
            assert_eq!(provider(text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        for (text, expected) in [
            (
                r#"{"provider":"x","mode":"saml\u001b","links":{"auth_endpoint":"HERE"}}"#,
                "the provider \"x\": the mode \"saml\" is not known",
            ),
            (
                r#"{"provider":"x","links":{"auth_endpoint":"HERE"}}"#,
                "the provider \"x\": `mode` is missing",
            ),
            (r#"{"mode":"internal","links":{"auth_endpoint":"HERE"}}"#, "`provider` is missing"),
            (r#"{"provider":"x","mode":"internal"}"#, "the provider \"x\": `links` is missing"),
            (
                r#"{"provider":"x","mode":"internal","links":{}}"#,
                "the provider \"x\": `auth_endpoint` is missing",
            ),
            (r#"{"provider":"x","mode":"internal","links":5}"#, "the provider \"x\": `links`"),
            (
                r#"{"provider":"x","mode":"internal","links":{"auth_endpoint":"https://evil.example/a"}}"#,
                "the provider \"x\": `auth_endpoint` is at another host: https://evil.example",
            ),
            (
                r#"{"provider":"x","mode":"external","extra_scopes":["a b"],"links":{"client_id":"c",
                    "auth_endpoint":"https://as.example","token_endpoint":"https://as.example"}}"#,
                "the provider \"x\": `extra_scopes`",
            ),
        ] {
            let said = provider(text);
            assert!(said.starts_with(expected), "{text}: {said}");
        }
    }

    #[test]
    fn a_malformed_provider_does_not_spoil_the_list() {
        let description = description(
            r#"{"authentication":{"providers":[5,"x",{"provider":"a","mode":"new"},{"provider":"b",
                "mode":"internal","links":{"auth_endpoint":"http://127.0.0.1:8480/t"},
                "confirmation_message":"You are {id}."}],"links":null}}"#,
        )
        .unwrap();
        assert!(!description.is_required);
        let names = |name| -> Vec<_> {
            let choices = description.choices(name).unwrap();
            choices.into_iter().map(|provider| provider.name.as_str()).collect()
        };
        assert_eq!((names(None), names(Some("a"))), (Vec::from(["b"]), Vec::from(["a"])));
        let chosen = description.choices(Some("b")).unwrap()[0];
        assert!(chosen.usable().is_ok());
        assert_eq!(chosen.confirmation("al\u{1b}[1mice").as_deref(), Some("You are alice."));
        let error = description.choices(Some("c")).unwrap_err();
        assert!(error.to_string().ends_with("there is: a, b"), "{error}");
        assert!(description.choices(Some("a")).unwrap()[0].usable().is_err());
    }

    #[test]
    fn a_server_for_one_user_has_no_logins() {
        let single = description(r#"{"authentication":{"required":true,"providers":[]}}"#).unwrap();
        assert!(single.choices(None).is_err() && single.api_keys.is_none());
        for error in [single.needed_whoami().unwrap_err(), single.needed_api_keys().unwrap_err()] {
            assert!(error.to_string().starts_with("this server has a single user"), "{error}");
        }
        for text in ["{}", r#"{"authentication":5}"#, r#"{"authentication":{"providers":5}}"#] {
            assert!(description(text).is_err(), "{text}");
        }
        let none = description(r#"{"authentication":{"providers":[5]}}"#).unwrap();
        assert!(none.choices(None).unwrap()[0].usable().is_err());
    }

    #[test]
    fn an_odd_link_is_in_the_way_of_nothing_else() {
        let odd = description(
            r#"{"authentication":{"providers":[],"links":{"whoami":"https://evil.example/a","apikey":5,
                "refresh_session":"http://127.0.0.1:8480/api/v1/auth/session/refresh"}}}"#,
        )
        .unwrap();
        assert!(odd.needed_refresh().is_ok());
        let error = odd.needed_whoami().unwrap_err().to_string();
        assert!(error.ends_with("`whoami` is at another host: https://evil.example"), "{error}");
        let error = odd.needed_api_keys().unwrap_err().to_string();
        assert!(error.ends_with("`apikey` has the wrong type or format"), "{error}");
    }
}

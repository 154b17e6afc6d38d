//! The answer of `whoami`: the user who is logged in.

use alloc::{string::String, vec::Vec};

use super::api_key::ApiKey;
use crate::{
    error::Problem,
    wire::{json::Object, userinfo::Userinfo},
};

/// A user or a service, as the server knows it. Without a login the answer is `null`.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) userinfo: Userinfo,
    /// Who that is can be known where these can't.
    pub(crate) api_keys: Result<Vec<ApiKey>, Problem>,
}

impl Principal {
    pub(crate) fn parse(object: &Object<'_>) -> Result<Self, Problem> {
        object.must_be_whole()?;
        let names = |list, name| -> Vec<String> {
            let objects = object.objects(list).unwrap_or_default();
            objects.iter().filter_map(|object| object.text(name).ok()?.map(String::from)).collect()
        };
        let userinfo = Userinfo {
            subject: Some(object.required_text("uuid")?.into()),
            name: names("identities", "id").into_iter().next(),
            roles: names("roles", "name"),
        };
        // One without a name can't be revoked or told from another.
        let api_keys = object
            .objects("api_keys")
            .map(|keys| keys.iter().filter_map(|key| ApiKey::parse(key).ok()).collect());
        Ok(Self { userinfo, api_keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Tiled 0.2.20 answers.
    #[test]
    fn a_user_has_identities_roles_and_api_keys() {
        let text = r#"{"uuid":"627ce16d","type":"user",
            "identities":[{"id":"alice","provider":"toy","latest_login":"2026-11-22T17:52:11"}],
            "roles":[{"name":"user","scopes":["read:data"]},{"name":"admin","scopes":[]}],
            "api_keys":[{"first_eight":"dd3d3f4a","expiration_time":"2026-11-22T18:52:11","note":"a",
            "scopes":["read:metadata"],"access_tags":null,"latest_activity":null}],"sessions":[]}"#;
        let principal = Principal::parse(&Object::parse(text).unwrap()).unwrap();
        let Userinfo { subject, name, roles } = principal.userinfo;
        assert_eq!((subject.as_deref(), name.as_deref()), (Some("627ce16d"), Some("alice")));
        assert_eq!(roles, ["user", "admin"]);
        let keys: Vec<_> =
            principal.api_keys.unwrap().into_iter().map(|key| key.first_eight).collect();
        assert_eq!(keys, ["dd3d3f4a"]);
        assert!(Principal::parse(&Object::parse("{}").unwrap()).is_err());
    }
}

//! The userinfo response: OpenID Connect Core §5.3.2. Null and `""` count as absent.

use alloc::{string::String, vec::Vec};

use super::json::Object;
use crate::error::Problem;

/// Who is logged in, as the server says it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Userinfo {
    /// `sub`: who it is, unchanging, for programs.
    pub subject: String,
    /// `name`, else `preferred_username`.
    pub name: Option<String>,
    /// What they may do, where the server says so: `roles`, or Keycloak's `realm_access.roles`.
    pub roles: Vec<String>,
}

impl Userinfo {
    pub(crate) fn parse(object: &Object<'_>) -> Result<Self, Problem> {
        object.must_be_utf_8()?;
        // A claim of another shape is some other server's business.
        let text = |name| object.text(name).ok().flatten();
        let keycloak_roles = || object.object("realm_access").ok()??.strings("roles").ok()?;
        Ok(Self {
            subject: object.required_text("sub")?,
            name: text("name").or_else(|| text("preferred_username")),
            roles: object
                .strings("roles")
                .ok()
                .flatten()
                .or_else(keycloak_roles)
                .unwrap_or_default(),
        })
    }
}

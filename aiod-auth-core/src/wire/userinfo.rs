//! The userinfo response: OpenID Connect Core §5.3.2. Null and `""` count as absent. AI-on-Demand's API
//! says the same in its own way.

use alloc::{string::String, vec::Vec};

use super::{json::Object, servers::REALM_ACCESS};
use crate::error::Problem;

/// Who is logged in, as the server says it.
///
/// ```
/// use aiod_auth_core::flow::Userinfo;
///
/// // Of `client.who_am_i()?`
/// fn greeting(user: &Userinfo) -> String {
///     let name = user.name.as_deref().or(user.subject.as_deref()).unwrap_or("there");
///     format!("Hello {name}{}", if user.roles.iter().any(|role| role == "admin") { "!" } else { "" })
/// }
/// # let _ = greeting;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "User")]
pub struct Userinfo {
    /// `sub`: who it is, unchanging, for programs. A userinfo endpoint always says it; an API that is
    /// asked in its place may not.
    pub subject: Option<String>,
    /// `name`, else `preferred_username`.
    pub name: Option<String>,
    /// What they may do, where the server says so: `roles`, or Keycloak's `realm_access.roles`.
    pub roles: Vec<String>,
}

impl Userinfo {
    pub(crate) fn parse(object: &Object<'_>) -> Result<Self, Problem> {
        object.must_be_whole()?;
        object.required_text("sub")?;
        Ok(Self::read(object))
    }

    /// The answer of AI-on-Demand's `authorization_test`: a name, and roles.
    pub(crate) fn parse_from_api(object: &Object<'_>) -> Result<Self, Problem> {
        object.must_be_whole()?;
        object.required_text("name")?;
        Ok(Self::read(object))
    }

    fn read(object: &Object<'_>) -> Self {
        // A claim of another shape is some other server's business.
        let text = |name| object.text(name).ok().flatten().map(String::from);
        let keycloak_roles = || object.object(REALM_ACCESS).ok()??.strings("roles").ok()?;
        Self {
            subject: text("sub"),
            name: text("name").or_else(|| text("preferred_username")),
            roles: object
                .strings("roles")
                .ok()
                .flatten()
                .or_else(keycloak_roles)
                .unwrap_or_default(),
        }
    }
}

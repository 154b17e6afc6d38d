//! The introspection response: RFC 7662 §2.2.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{
    json::{Object, Text},
    token::scope,
};
use crate::{deviations::Deviations, error::Problem, time::Timestamp, token::Scope};

/// What a server says about a token.
///
/// ```
/// use aiod_auth_core::flow::Introspection;
///
/// // In an API that got a token: only an active one counts.
/// fn may_write(answer: &Introspection) -> bool {
///     match answer {
///         Introspection::Active(token) => {
///             token.scope.as_ref().is_some_and(|scope| scope.contains("data.write"))
///         }
///         Introspection::Inactive => false,
///     }
/// }
/// assert!(!may_write(&Introspection::Inactive));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7662 §2.2: a token is active or it is not")]
pub enum Introspection {
    /// It can't be used. Why not, and what it once was, is not said.
    Inactive,
    /// It can be used now.
    Active(Box<ActiveToken>),
}

/// A token that can be used, as far as the server says what it is. Texts are as the server wrote them.
///
/// ```
/// use aiod_auth_core::flow::ActiveToken;
///
/// /// Whether it was issued for this API, and can be shown without a proof.
/// fn is_for_us(token: &ActiveToken) -> bool {
///     token.audience.iter().any(|audience| audience == "https://api.example.org/") && !token.is_bound
/// }
/// # let _ = is_for_us;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActiveToken {
    /// `scope`
    pub scope: Option<Scope>,
    /// `client_id`: who asked for it.
    pub client_id: Option<String>,
    /// `username`: a name for people.
    pub username: Option<String>,
    /// `token_type`: how it is used.
    pub token_type: Option<String>,
    /// `exp`. After this the answer says nothing any more.
    pub expires_at: Option<Timestamp>,
    /// `iat`
    pub issued_at: Option<Timestamp>,
    /// `nbf`
    pub not_before: Option<Timestamp>,
    /// `sub`: who it speaks for.
    pub subject: Option<String>,
    /// `aud`: whom it is for.
    pub audience: Vec<String>,
    /// `iss`: who made it.
    pub issuer: Option<String>,
    /// `jti`
    pub id: Option<String>,
    /// `cnf` is there: the token is bound to a key (RFC 9449 §6.2, RFC 8705 §3.2). A party that shows it as a
    /// bearer token may have stolen it.
    pub is_bound: bool,
}

impl Introspection {
    /// A member that decides about access and has the wrong type or format makes the answer malformed: access
    /// is not guessed.
    pub(crate) fn parse(object: &Object<'_>, deviations: &Deviations) -> Result<Self, Problem> {
        object.must_be_whole()?;
        if !object.boolean("active")?.ok_or(Problem::Missing("active"))? {
            return Ok(Self::Inactive);
        }
        let text = |name| Ok(object.text(name)?.map(String::from));
        Ok(Self::Active(Box::new(ActiveToken {
            scope: scope(object, deviations)?,
            client_id: text("client_id")?,
            username: text("username")?,
            token_type: text("token_type")?,
            expires_at: object.time("exp")?,
            issued_at: object.time("iat")?,
            not_before: object.time("nbf")?,
            subject: text("sub")?,
            audience: audience(object)?.into_iter().map(String::from).collect(),
            issuer: text("iss")?,
            id: text("jti")?,
            is_bound: object.has("cnf")?,
        })))
    }
}

/// RFC 7519 §4.1.3: one, or a list.
pub(crate) fn audience<'a>(object: &Object<'a>) -> Result<Vec<Text<'a>>, Problem> {
    match object.text("aud") {
        Ok(one) => Ok(one.into_iter().collect()),
        Err(Problem::Invalid(_)) => Ok(object.texts("aud")?.unwrap_or_default()),
        Err(problem) => Err(problem),
    }
}

//! The token response: RFC 6749 §5.1.

use alloc::string::String;
use core::time::Duration;

use super::{
    answer::{self, Received},
    body,
    error::description,
    json::{Object, Text},
    servers::{REFRESH_EXPIRES_IN, USER_NAME},
};
use crate::{
    deviations::Deviations,
    error::{Endpoint, Problem},
    machine::Failed,
    secret::{AccessToken, IdToken, RefreshToken},
    time::Timestamp,
    token::{Scope, Tokens, is_token},
};

/// An answer of the token endpoint. A bad member spoils `issued`; a good refresh token is there all the
/// same, since with rotation the one that was sent may be dead.
#[derive(Debug)]
pub(crate) struct TokenAnswer {
    status: u16,
    sent_at: Timestamp,
    issued: Result<IssuedToken, Problem>,
    pub(crate) refresh_token: Option<RefreshToken>,
}

/// An access token, and what the server says of it.
#[derive(Debug)]
struct IssuedToken {
    access_token: AccessToken,
    expires_in: Option<Duration>,
    refresh_expires_in: Option<Duration>,
    scope: Option<Scope>,
    id_token: Option<IdToken>,
    user_name: Option<String>,
}

impl TokenAnswer {
    pub(crate) fn parse(object: &Object<'_>, received: &Received<'_>) -> Self {
        let issued = IssuedToken::parse(object, received);
        match token(object, "refresh_token") {
            Ok(token) => Self::new(received, issued, token.map(RefreshToken::new)),
            Err(problem) => Self::new(received, issued.and(Err(problem)), None),
        }
    }

    /// A new refresh token in what is no answer of the token endpoint: tokens under a status of failure, or
    /// JSON with something after it. The server has given it out, so the one that was sent may be dead.
    pub(crate) fn stray(received: &Received<'_>, problem: Problem) -> Option<Self> {
        if matches!(received.response.status(), 300..=399) {
            return None;
        }
        let body = body::read(received);
        let object = Object::as_far_as_it_goes(&body.text);
        if !received.response.is_success() {
            token(&object, "access_token").ok()??;
        }
        let refresh_token = token(&object, "refresh_token").ok()??;
        let is_new = !received.request.has_secret(&refresh_token);
        is_new.then(|| Self::new(received, Err(problem), Some(RefreshToken::new(&*refresh_token))))
    }

    fn new(
        received: &Received<'_>,
        issued: Result<IssuedToken, Problem>,
        refresh_token: Option<RefreshToken>,
    ) -> Self {
        let (status, sent_at) = (received.response.status(), received.sent_at);
        Self { status, sent_at, issued, refresh_token }
    }

    /// The tokens; with the refresh token that was sent, if the answer brings no other. One that comes
    /// with an answer which is otherwise of no use is salvaged.
    pub(crate) fn into_tokens(
        self,
        requested: &Scope,
        sent: Option<RefreshToken>,
    ) -> Result<Tokens, Failed> {
        let Self { status, sent_at, issued, refresh_token } = self;
        match issued {
            Ok(issued) => Ok(issued.into_tokens(refresh_token.or(sent), sent_at, requested)),
            Err(problem) => {
                let salvage = |token| Tokens::from_refresh_token(token, sent_at);
                let error = answer::malformed(Endpoint::Token, status, problem);
                Err(Failed::with(error, refresh_token.map(salvage)))
            }
        }
    }
}

impl IssuedToken {
    fn parse(object: &Object<'_>, received: &Received<'_>) -> Result<Self, Problem> {
        let deviations = received.deviations;
        object.must_be_whole()?;
        let access_token = object
            .text("access_token")?
            .ok_or_else(|| missing("access_token", object, received))?;
        let access_token =
            AccessToken::of(&access_token).map_err(|_| Problem::Invalid("access_token"))?;
        check_token_type(object, deviations)?;
        Ok(Self {
            access_token,
            expires_in: object.seconds("expires_in")?.and_then(whole_seconds),
            refresh_expires_in: refresh_expires_in(object)?,
            scope: scope(object, deviations).or_else(|problem| object.hint("scope", problem))?,
            id_token: id_token(object)?,
            user_name: object.text_at(USER_NAME).map(Into::into),
        })
    }

    /// An absent scope is the one that was asked for: RFC 6749 §5.1.
    fn into_tokens(
        self,
        refresh_token: Option<RefreshToken>,
        sent_at: Timestamp,
        requested: &Scope,
    ) -> Tokens {
        let mut tokens = Tokens::new(self.access_token, sent_at);
        tokens.expires_at = self.expires_in.map(|lifetime| sent_at.saturating_add(lifetime));
        tokens.refresh_expires_at = match &refresh_token {
            Some(_) => self.refresh_expires_in.map(|lifetime| sent_at.saturating_add(lifetime)),
            None => None,
        };
        tokens.refresh_token = refresh_token;
        tokens.scope = self.scope.unwrap_or_else(|| requested.clone());
        tokens.id_token = self.id_token;
        tokens.user_name = self.user_name;
        tokens
    }
}

/// It is handed on in headers and lines, as an access token is: what has a line break in it is no JWT (RFC 7515 §7.1).
fn id_token(object: &Object<'_>) -> Result<Option<IdToken>, Problem> {
    let Some(text) = object.text("id_token")? else { return Ok(None) };
    if !is_token(&text) {
        object.note("id_token", "is no JWT: taken as absent");
        return Ok(None);
    }
    Ok(Some(IdToken::new(text)))
}

/// `""` is none.
fn token<'a>(object: &Object<'a>, name: &'static str) -> Result<Option<Text<'a>>, Problem> {
    match object.text_or_twice_the_same(name)? {
        Some(text) if is_token(&text) => Ok(Some(text)),
        Some(_) => Err(Problem::Invalid(name)),
        None => Ok(None),
    }
}

/// `WeChat` refuses with 200 and words of its own: no error code, but a user has to read them.
fn missing(name: &'static str, object: &Object<'_>, received: &Received<'_>) -> Problem {
    match description(object, received) {
        Some(said) => Problem::MissingBut { name, said },
        None => Problem::Missing(name),
    }
}

/// RFC 6749 §7.1: a token of an unknown type must not be used; in which letters it is written means
/// nothing (§5.1).
fn check_token_type(object: &Object<'_>, deviations: &Deviations) -> Result<(), Problem> {
    let Some(kind) = object.text("token_type")? else {
        object.note("token_type", "is missing: taken as Bearer"); // LinkedIn, VK
        return Ok(());
    };
    if kind.trim() != &*kind {
        object.note("token_type", "has white space at its ends");
    }
    let own_names = deviations.bearer_names.iter().map(String::as_str);
    if own_names.chain(["bearer"]).any(|name| name.eq_ignore_ascii_case(kind.trim())) {
        Ok(())
    } else {
        Err(Problem::UnknownTokenType)
    }
}

/// A string; Twitch sends a list. `""` is the empty set (GitHub Apps), null nothing said (Imgur).
pub(super) fn scope(
    object: &Object<'_>,
    deviations: &Deviations,
) -> Result<Option<Scope>, Problem> {
    let scope = match object.string("scope") {
        Ok(Some(text)) => match deviations.scope_separator {
            Some(separator) => text.replace(separator, " ").parse(),
            None => text.parse(),
        },
        Ok(None) => return Ok(None),
        Err(Problem::Invalid(_)) => {
            let scopes = object.strings("scope")?.unwrap_or_default();
            object.note("scope", "is a list: its members are taken");
            Scope::new(scopes)
        }
        Err(problem) => return Err(problem),
    };
    scope.map(Some).map_err(|_| Problem::Invalid("scope"))
}

fn refresh_expires_in(object: &Object<'_>) -> Result<Option<Duration>, Problem> {
    for member in REFRESH_EXPIRES_IN {
        if let Some(seconds) = object.seconds_hint(member)? {
            return Ok(Some(seconds));
        }
    }
    Ok(None)
}

/// Less than one is as good as unknown: a token can't be refreshed that often.
fn whole_seconds(duration: Duration) -> Option<Duration> {
    Some(Duration::from_secs(duration.as_secs())).filter(|whole| !whole.is_zero())
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::http::{Request, Response};

    fn parse(text: &str) -> TokenAnswer {
        let request = Request::get(url::Url::parse("https://as.example").unwrap());
        let (response, deviations) = (Response::new(200, [], text), Deviations::default());
        let received = Received::new(&request, &response, Timestamp::UNIX_EPOCH, &deviations);
        TokenAnswer::parse(&Object::parse(text).unwrap(), &received)
    }

    #[test]
    fn a_bad_member_is_named_and_the_new_refresh_token_is_kept() {
        let cases = [
            (r#""access_token":"a","scope":"a","scope":"b""#, Problem::Duplicate("scope")),
            (r#""access_token":"a","expires_in":"soon""#, Problem::Invalid("expires_in")),
            (r#""access_token":"a","token_type":"mac""#, Problem::UnknownTokenType),
            (r#""access_token":"a\nb""#, Problem::Invalid("access_token")),
            (r#""access_token":"é""#, Problem::Invalid("access_token")),
            (r#""access_token":" a""#, Problem::Invalid("access_token")),
            (r#""access_token":1"#, Problem::Invalid("access_token")),
            (r#""access_token":"""#, Problem::Missing("access_token")),
            (r#""access_token":null"#, Problem::Missing("access_token")),
            (r#""Access_Token":"a""#, Problem::Missing("access_token")),
            (r#""access_token":"a","access_token":"b""#, Problem::Duplicate("access_token")),
        ];
        for (members, problem) in cases {
            let answer = parse(&alloc::format!("{{{members},\"refresh_token\":\"new\"}}"));
            assert_eq!(answer.issued.unwrap_err(), problem, "{members}");
            assert_eq!(answer.refresh_token.unwrap().expose(), "new", "{members}");
        }
    }

    #[test]
    fn a_refresh_token_that_is_none_is_none() {
        for value in ["null", "\"\""] {
            let answer =
                parse(&alloc::format!(r#"{{"access_token":"a","refresh_token":{value}}}"#));
            assert!(answer.issued.is_ok() && answer.refresh_token.is_none(), "{value}");
        }
        let twice = r#"{"access_token":"a","refresh_token":"r","refresh_token":"r"}"#;
        let twice = parse(twice);
        assert!(twice.issued.is_ok() && twice.refresh_token.unwrap().expose() == "r");
        let two = parse(r#"{"access_token":"a","refresh_token":"r","refresh_token":"s"}"#);
        assert_eq!(two.issued.unwrap_err(), Problem::Duplicate("refresh_token"));
        for value in ["1", "\"a\\u0000\"", "{}"] {
            let answer =
                parse(&alloc::format!(r#"{{"access_token":"a","refresh_token":{value}}}"#));
            assert_eq!(answer.issued.unwrap_err(), Problem::Invalid("refresh_token"), "{value}");
        }
    }

    #[test]
    fn what_real_servers_send_is_understood() {
        let requested: Scope = "read write".parse().unwrap();
        let tokens = |text: &str| parse(text).into_tokens(&requested, None).unwrap();
        let seconds = |tokens: &Tokens| tokens.lifetime().map(|lifetime| lifetime.as_secs());
        for (text, lifetime, scope) in [
            (r#"{"access_token":"a","token_type":"bearer "}"#, None, "read write"),
            (r#"{"access_token":"a","expires_in":900.9}"#, Some(900), "read write"),
            (r#"{"access_token":"a","expires_in":0,"scope":null}"#, None, "read write"),
            (r#"{"access_token":"a","expires_in":"","scope":""}"#, None, ""),
            // Hints that are of no use.
            (r#"{"access_token":"a","scope":{}}"#, None, "read write"),
            (r#"{"access_token":"a","scope":7}"#, None, "read write"),
            (r#"{"access_token":"a","scope":[1]}"#, None, "read write"),
            (r#"{"access_token":"a","scope":"a\"b"}"#, None, "read write"),
            (r#"{"access_token":"a","refresh_expires_in":"soon"}"#, None, "read write"),
            (r#"{"access_token":"a","refresh_token_expires_in":[]}"#, None, "read write"),
            (r#"{"access_token":"a","expires_in":"3599","scope":""}"#, Some(3599), ""),
            (r#"{"access_token":"a","scope":["b","a"]}"#, None, "a b"),
            (r#"{"access_token":"a","scope":[]}"#, None, ""),
            (r#"{"access_token":"a","scope":"repo,gist","x":[{}]}"#, None, "repo,gist"),
        ] {
            let tokens = tokens(text);
            assert_eq!(seconds(&tokens), lifetime, "{text}");
            assert_eq!(tokens.scope.to_string(), scope, "{text}");
        }
        let keycloak = tokens(r#"{"access_token":"a","refresh_token":"r","refresh_expires_in":0}"#);
        assert!(keycloak.refresh_expires_at.is_none());
    }
}

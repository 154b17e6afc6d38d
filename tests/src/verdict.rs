//! What the machines make of one answer, in the words of `docs/conformance.md`.
//!
//! One request goes out, one [`Answer`] comes back, and the [`Verdict`] says what the machine wants
//! next. The conformance table, the quirks and the recorded answers are all asked this way.

use std::{fmt, time::Duration};

use aiod_auth_core::{
    AccessToken, AuthorizationServer, ClientIdentity, ClientSecret, DeviceCode, Endpoint, Error,
    Issuer, Machine, Reason, RefreshToken, Response, RetryPolicy, Scope, Step, Timestamp, Tokens,
    Unreachable,
    flow::{
        AccessTokenRequest, DeviceAccessTokenRequest, DeviceAuthorization,
        DeviceAuthorizationParts, DeviceAuthorizationRequest, DevicePrompt, Discovery,
        EndSessionRequest, Introspection, IntrospectionRequest, RevocationRequest, Userinfo,
        UserinfoRequest,
    },
};

use crate::drive::{self, Failure};

/// Who is asked, and so which machine reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `Discovery`, at the first of the places where metadata can be. The issuer is [`ISSUER`].
    Metadata,
    /// `DeviceAuthorizationRequest`, with the scope `read write`.
    Device,
    /// `DeviceAccessTokenRequest`: the first poll, after 5 s.
    Poll,
    /// `AccessTokenRequest::refresh` with the refresh token `old`, for the scope `read write`.
    Refresh,
    /// `AccessTokenRequest::client_credentials`, for the scope `read write`.
    ClientCredentials,
    /// `RevocationRequest` for a refresh token.
    Revocation,
    /// `EndSessionRequest`: Keycloak's logout by refresh token.
    EndSession,
    /// `UserinfoRequest`.
    Userinfo,
    /// `IntrospectionRequest`, by a client with a secret.
    Introspection,
}

/// Who is asked.
pub const ISSUER: &str = "https://as.example";

/// An answer as it goes over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// From text: the status, a space, and the body; or, as HTTP writes it, header fields on lines of
    /// their own, an empty line, and the body.
    ///
    /// ```
    /// # use aiod_auth_tests::verdict::Answer;
    /// assert_eq!(Answer::parse("200 {}").body, b"{}");
    /// assert_eq!(Answer::parse("503\nRetry-After: 3\n\nbusy").headers[0].1, "3");
    /// ```
    ///
    /// # Panics
    /// For text without a status: a mistake in a table.
    #[must_use]
    #[expect(clippy::panic, reason = "a mistake in a table")]
    pub fn parse(text: &str) -> Self {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (status, rest) = text.split_at(digits);
        let Ok(status) = status.parse() else { panic!("no status: {text}") };
        let Some(head) = rest.strip_prefix('\n') else {
            let body = rest.strip_prefix(' ').unwrap_or(rest);
            return Self { status, headers: Vec::new(), body: body.into() };
        };
        let (head, body) = head.split_once("\n\n").unwrap_or((head, ""));
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        };
        Self { status, headers: head.lines().map(field).collect(), body: body.into() }
    }

    /// As a machine gets it.
    #[must_use]
    pub fn into_response(self) -> Response {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Response::new(self.status, headers, self.body.clone())
    }
}

/// What a machine made of an answer: `ok`, `pending`, `slow_down`, `retry`, `next place`, or
/// `error:KIND`; and what there is to say about it. Where a poll is waited out, and ends the login if it
/// stays so, that is said, too: `stays error:KIND`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// In a word.
    pub outcome: String,
    /// What came of it, each in a few words.
    pub details: Vec<String>,
}

impl Verdict {
    pub(crate) fn new(outcome: impl Into<String>, details: Vec<String>) -> Self {
        Self { outcome: outcome.into(), details }
    }

    /// Whether it is what is written here: the outcome, and some of the details, with `; ` between.
    /// (A `; ` of their own is written `\; `.)
    #[must_use]
    pub fn is(&self, expected: &str) -> bool {
        let (outcome, details) = parts(expected);
        outcome == self.outcome
            && details.iter().all(|part| self.details.iter().any(|detail| written(detail) == *part))
    }

    /// The same, and all that was tolerated is said, too.
    #[must_use]
    pub fn is_with_notes(&self, expected: &str) -> bool {
        let (_, details) = parts(expected);
        let mut notes = self.details.iter().filter(|detail| detail.starts_with("note "));
        self.is(expected) && notes.all(|note| details.contains(&&*written(note)))
    }

    /// All of it, but for a hint, which is this client's own word.
    #[must_use]
    pub fn without_hint(&self) -> String {
        let mut all = self.clone();
        all.details.retain(|detail| !detail.starts_with("hint "));
        all.to_string()
    }
}

/// A detail as it stands between others.
fn written(detail: &str) -> String {
    detail.replace('\\', "\\\\").replace("; ", "\\; ")
}

/// The outcome, and the details as [`written`].
fn parts(text: &str) -> (&str, Vec<&str>) {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, separator) in text.match_indices("; ") {
        let before = &text[..at];
        let escapes = before.len() - before.trim_end_matches('\\').len();
        if escapes.is_multiple_of(2) {
            parts.push(&text[start..at]);
            start = at + separator.len();
        }
    }
    parts.push(&text[start..]);
    let outcome = parts.remove(0);
    (outcome, parts)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.outcome)?;
        self.details.iter().try_for_each(|detail| write!(f, "; {}", written(detail)))
    }
}

/// Asks, answers, and says what comes of it.
///
/// # Errors
/// Nothing was asked: the machine could not begin.
pub fn verdict(asked: Asked, answer: &Answer) -> Result<Verdict, Error> {
    verdict_at(&server()?, asked, answer)
}

/// The same at another server, or at one that is known to do something otherwise.
///
/// # Errors
/// As for [`verdict`].
pub fn verdict_at(
    server: &AuthorizationServer,
    asked: Asked,
    answer: &Answer,
) -> Result<Verdict, Error> {
    let (client, scope) = (ClientIdentity::public("client")?, scope());
    let policy = patient();
    let old = RefreshToken::new("old");
    Ok(match asked {
        Asked::Metadata => {
            let mut machine = Discovery::new(server.issuer().clone(), policy);
            ask(asked, &mut machine, answer, |server| about_server(&server))
        }
        Asked::Device => {
            let mut machine = DeviceAuthorizationRequest::new(server, &client, &scope, policy)?;
            ask(asked, &mut machine, answer, |authorization| about_prompt(authorization.prompt()))
        }
        Asked::Poll => {
            let (authorization, limit) = (authorization()?, Duration::from_secs(1800));
            let mut machine =
                DeviceAccessTokenRequest::new(server, &client, &authorization, &scope, limit)?;
            ask(asked, &mut machine, answer, |tokens| about_tokens(&tokens))
        }
        Asked::Refresh => {
            let mut machine = AccessTokenRequest::refresh(server, &client, &old, &scope, policy)?;
            ask(asked, &mut machine, answer, |tokens| about_tokens(&tokens))
        }
        Asked::ClientCredentials => {
            let bot = client.with_secret(ClientSecret::new("secret"))?;
            let mut machine = AccessTokenRequest::client_credentials(server, &bot, &scope, policy)?;
            ask(asked, &mut machine, answer, |tokens| about_tokens(&tokens))
        }
        Asked::Revocation => {
            let mut machine = RevocationRequest::refresh_token(server, &client, &old, policy)?;
            ask(asked, &mut machine, answer, |()| Vec::new())
        }
        Asked::EndSession => {
            let mut machine = EndSessionRequest::new(server, &client, &old, policy)?;
            ask(asked, &mut machine, answer, |()| Vec::new())
        }
        Asked::Userinfo => {
            let tokens = Tokens::new(AccessToken::new("acc3ss").unwrap(), NOW);
            let mut machine = UserinfoRequest::new(server, &tokens, policy)?;
            ask(asked, &mut machine, answer, |userinfo| about_user(&userinfo))
        }
        Asked::Introspection => {
            let (bot, token) =
                (client.with_secret(ClientSecret::new("secret"))?, AccessToken::new("a").unwrap());
            let mut machine = IntrospectionRequest::new(server, &bot, &token, policy)?;
            ask(asked, &mut machine, answer, about_token)
        }
    })
}

pub(crate) fn ask<M: Machine<Error: Failure>>(
    asked: Asked,
    machine: &mut M,
    answer: &Answer,
    about: impl Fn(M::Output) -> Vec<String>,
) -> Verdict {
    let answer_again = |machine: &mut M, answer: &Answer| {
        let is_due = drive::next_request(machine, NOW).is_some();
        if is_due {
            drive::answer_once(machine, NOW, Ok(answer.clone().into_response()));
        }
        is_due
    };
    answer_again(machine, answer);
    let mut verdict = next(machine, &about);
    let notes = machine.take_notes();
    match asked {
        // An answer that is to be waited for is told from none only where the other place has nothing.
        Asked::Metadata if verdict.outcome == NEXT_PLACE => {
            answer_again(machine, &Answer::parse("404"));
            let after = next(machine, &about);
            if after.outcome == RETRY {
                verdict = after;
            }
        }
        // What is waited out, and what it is if it stays so: ten in a row.
        Asked::Poll if verdict.outcome == RETRY => {
            let _is_due = (1..10).all(|_| answer_again(machine, answer));
            let stays = next(machine, &about);
            if stays.outcome.starts_with("error:") {
                verdict.details.push(format!("stays {}", stays.outcome));
                verdict.details.extend(stays.details);
            }
        }
        _ => {}
    }
    verdict.details.extend(notes.iter().map(|note| format!("note {note}")));
    verdict
}

/// What the machine wants next.
pub(crate) fn next<M: Machine<Error: Failure>>(
    machine: &mut M,
    about: &impl Fn(M::Output) -> Vec<String>,
) -> Verdict {
    match machine.poll(NOW) {
        Ok(Step::Done(output)) => Verdict::new("ok", about(output)),
        Ok(Step::Send(_)) => Verdict::new(NEXT_PLACE, Vec::new()),
        Ok(Step::Wait(pause)) => {
            let outcome = match pause.delay() {
                _ if pause.reason() != Reason::Approval => RETRY,
                INTERVAL => "pending",
                _ => "slow_down",
            };
            // Jitter is no whole second.
            let seconds = format!("after {} s", pause.delay().as_secs());
            Verdict::new(outcome, vec![seconds])
        }
        Ok(Step::Store(_) | Step::Show(_) | Step::Ask(_)) => {
            Verdict::new("another step", Vec::new())
        }
        Err(failure) => {
            let (error, salvaged) = failure.into_parts();
            let mut details = about_error(&error);
            let salvaged = salvaged.and_then(|tokens| tokens.refresh_token);
            details.extend(salvaged.map(|new| format!("refresh token {} kept", new.expose())));
            Verdict::new(format!("error:{}", error.kind()), details)
        }
    }
}

fn about_error(error: &Error) -> Vec<String> {
    let mut details = Vec::new();
    if let Error::InvalidResponse { problem, .. } = error {
        details.push(problem.to_string());
    }
    if let Error::Unreachable { cause: Unreachable::RetryAfter { after, .. }, .. } = error {
        details.push(format!("to be tried in {} s", after.as_secs()));
    }
    if let Some(said) = error.server_error() {
        details.extend(said.status.map(|status| format!("HTTP {status}")));
        details.push(
            said.code.as_ref().map_or_else(|| "no code".to_owned(), |code| format!("code {code}")),
        );
        details.extend(said.description.iter().map(|text| format!("says {text}")));
        details.extend(said.uri.iter().map(|uri| format!("see {uri}")));
    }
    details.extend(error.hint().map(|hint| format!("hint {hint}")));
    details
}

pub(crate) fn about_tokens(tokens: &Tokens) -> Vec<String> {
    let seconds = |at: Timestamp| at.saturating_duration_since(NOW).as_secs();
    let mut details = vec![
        format!("token {}", shortened(tokens.access_token().unwrap().expose())),
        tokens
            .expires_at
            .map_or_else(|| "no expiry".to_owned(), |at| format!("expires in {} s", seconds(at))),
        if tokens.scope.is_empty() {
            "no scope".to_owned()
        } else {
            format!("scope {}", tokens.scope)
        },
        tokens.refresh_token.as_ref().map_or_else(
            || "no refresh token".to_owned(),
            |token| format!("refresh token {}", token.expose()),
        ),
    ];
    details.push(tokens.refresh_expires_at.map_or_else(
        || "no refresh token expiry".to_owned(),
        |at| format!("refresh token expires in {} s", seconds(at)),
    ));
    let id_token = tokens.id_token.as_ref();
    details.push(id_token.map_or_else(|| "no ID token".to_owned(), |_| "ID token".to_owned()));
    details
}

/// A long token can't be read in a table; many begin alike.
#[must_use]
pub fn shortened(token: &str) -> String {
    let (start, end) = (token.get(..4), token.len().checked_sub(4).and_then(|at| token.get(at..)));
    match (start, end) {
        (Some(start), Some(end)) if token.len() > 8 => format!("{start}…{end}"),
        _ => token.to_owned(),
    }
}

pub(crate) fn about_prompt(prompt: &DevicePrompt) -> Vec<String> {
    let mut details = vec![
        format!("user code {}", prompt.user_code),
        format!("page {}", prompt.verification_uri),
        prompt.expires_in.map_or_else(
            || "no expiry".to_owned(),
            |life| format!("expires in {} s", life.as_secs()),
        ),
        format!("interval {} s", prompt.interval.as_secs()),
    ];
    details.extend(
        prompt.verification_uri_complete.as_ref().map(|uri| format!("complete page {uri}")),
    );
    details
}

fn about_server(server: &AuthorizationServer) -> Vec<String> {
    let endpoint =
        |endpoint: &Endpoint| Some((endpoint.metadata_name(), server.endpoint(*endpoint)?));
    Endpoint::NAMED.iter().filter_map(endpoint).map(|(name, url)| format!("{name} {url}")).collect()
}

pub(crate) fn about_user(userinfo: &Userinfo) -> Vec<String> {
    let mut details = Vec::new();
    details.extend(userinfo.subject.iter().map(|subject| format!("subject {subject}")));
    details.extend(userinfo.name.iter().map(|name| format!("name {name}")));
    details.extend(userinfo.roles.iter().map(|role| format!("role {role}")));
    details
}

fn about_token(introspection: Introspection) -> Vec<String> {
    let Introspection::Active(token) = introspection else { return words(["inactive"]) };
    let mut details = words(["active"]);
    let texts = [
        ("client", &token.client_id),
        ("username", &token.username),
        ("type", &token.token_type),
        ("subject", &token.subject),
        ("issuer", &token.issuer),
        ("id", &token.id),
    ];
    details
        .extend(texts.iter().filter_map(|(name, text)| Some(format!("{name} {}", text.as_ref()?))));
    let times = [
        ("expires", token.expires_at),
        ("issued", token.issued_at),
        ("not before", token.not_before),
    ];
    details.extend(times.iter().filter_map(|(name, at)| Some(format!("{name} {}", (*at)?))));
    details.extend(token.scope.iter().map(|scope| format!("scope {scope}")));
    details.extend(token.audience.iter().map(|audience| format!("audience {audience}")));
    details
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

/// A server with every endpoint.
///
/// # Errors
/// None: its addresses are good.
pub fn server() -> Result<AuthorizationServer, Error> {
    Endpoint::NAMED.iter().try_fold(
        AuthorizationServer::new(Issuer::new(ISSUER)?),
        |server, endpoint| {
            server.with_endpoint(*endpoint, &format!("{ISSUER}/{}", endpoint.metadata_name()))
        },
    )
}

/// A login that a user may approve.
fn authorization() -> Result<DeviceAuthorization, Error> {
    Ok(DeviceAuthorization::from_parts(DeviceAuthorizationParts {
        device_code: DeviceCode::new("device-code"),
        prompt: DevicePrompt {
            user_code: "ABCD-EFGH".to_owned(),
            verification_uri: server()?.issuer().as_str().parse().map_err(|_| Error::Finished)?,
            verification_uri_complete: None,
            expires_in: Some(Duration::from_secs(1800)),
            interval: INTERVAL,
        },
    }))
}

fn scope() -> Scope {
    Scope::new(["read", "write"]).unwrap_or_default()
}

/// So that a long `Retry-After` is seen, and not given up on.
pub(crate) fn patient() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.retry_after_max = Duration::from_secs(3600);
    policy.time_limit = Duration::from_secs(7200);
    policy
}

const NEXT_PLACE: &str = "next place";
const RETRY: &str = "retry";
const INTERVAL: Duration = Duration::from_secs(5);

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_compared_as_a_whole() {
        let details = ["says a; b\\", "note c"].map(str::to_owned).into();
        let verdict = Verdict { outcome: "ok".to_owned(), details };
        assert_eq!(verdict.to_string(), "ok; says a\\; b\\\\; note c");
        assert!(verdict.is("ok") && verdict.is("ok; says a\\; b\\\\"));
        assert!(!verdict.is("ok; says a; b\\\\") && !verdict.is("ok; b\\\\"));
        assert!(!verdict.is_with_notes("ok") && verdict.is_with_notes("ok; note c"));
    }
}

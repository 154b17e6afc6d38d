//! A failure, for a user and for a program.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    BOLD, ERROR,
    words::{WORD_MAX, shortened, without_users},
};
use crate::failure::Failure;

/// Three short lines at most: what failed, why, what to do next.
pub(super) fn as_text(failure: &Failure) -> String {
    let mut lines = format!("{ERROR}error{ERROR:#}: {}", said(&failure.message));
    // Writing to a string can't fail.
    if let Some(reason) = &failure.reason {
        write!(lines, "\n{BOLD}reason{BOLD:#}: \"{reason}\"").ok();
    }
    if let Some(hint) = &failure.hint {
        write!(lines, "\n{BOLD}next{BOLD:#}: {hint}").ok();
    }
    lines
}

fn said(message: &str) -> String {
    shortened(&without_users(message), WORD_MAX)
}

/// The JSON of a failure. Absent parts are left out.
#[derive(Serialize)]
pub(super) struct Json<'a> {
    error: Members<'a>,
}

#[derive(Serialize)]
struct Members<'a> {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
}

pub(super) fn as_json(failure: &Failure) -> Json<'_> {
    // The server's own words have no member of their own.
    let message = match &failure.reason {
        Some(reason) => format!("{}: {reason}", failure.message),
        None => failure.message.clone(),
    };
    let error = Members {
        kind: failure.kind.as_str(),
        message: said(&message),
        hint: failure.hint.as_deref(),
        oauth_error: failure.oauth_error.as_deref(),
        http_status: failure.http_status,
    };
    Json { error }
}

/// What clap says of a command line that it can't read: `error: …`, an empty line, perhaps a tip, the
/// usage, and more.
pub(super) fn of_arguments(said: &str) -> Failure {
    let mut parts = said.split("\n\n");
    let words = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = words(parts.next().unwrap_or_default());
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let hint = parts.find(|part| part.contains("tip: ") || part.starts_with("Usage: "));
    match hint.map(words) {
        Some(hint) => Failure::usage(message).with_hint(hint.trim_start_matches("tip: ")),
        None => Failure::usage(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_no_empty_members() {
        let mut failure = Failure::usage("no");
        let json = |failure: &Failure| serde_json::to_string(&as_json(failure)).unwrap();
        let bare = r#"{"error":{"kind":"usage","message":"no"}}"#;
        assert_eq!(json(&failure), bare);

        failure.reason = Some("because".into());
        failure.oauth_error = Some("invalid_client".into());
        failure.http_status = Some(401);
        let failure = failure.with_hint("ask");
        let full = r#"{"error":{"kind":"usage","message":"no: because","hint":"ask","oauth_error":"invalid_client","http_status":401}}"#;
        assert_eq!(json(&failure), full);
        let text = anstream::adapter::strip_str(&as_text(&failure)).to_string();
        assert_eq!(text, "error: no\nreason: \"because\"\nnext: ask");
    }

    #[test]
    fn what_clap_says_becomes_two_lines() {
        let failure = of_arguments(
            "error: unexpected argument '--jsn' found\n\n  \
             tip: a similar argument exists: '--json'\n\n\
             Usage: aiod-auth --json\n\n\
             For more information, try '--help'.\n",
        );
        assert_eq!(failure.message, "unexpected argument '--jsn' found");
        let tip = "a similar argument exists: '--json'";
        assert_eq!(failure.hint.as_deref(), Some(tip));
    }
}

//! Any answer of a Tiled server: what it says of itself, its logins, its API keys.

use super::{CANARY, Message, is_of_use};
use crate::{
    tiled_verdict::{TiledAsked, tiled_verdict},
    verdict::Answer,
};

/// Answers each machine of Tiled's with this. Returns what the machine that reads the server's description
/// says, in a word.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn tiled_answer(bytes: &[u8]) -> &'static str {
    if !is_of_use(bytes) {
        return "of_no_use";
    }
    let Message { status, headers, body } = Message::read(bytes);
    let answer = Answer { status, headers, body };
    let mut about = "other";
    for asked in TiledAsked::ALL {
        let verdict = tiled_verdict(asked, "http://127.0.0.1:8480", &answer);
        let text = format!("{verdict:?}");
        // What was sent is in no answer that is of use here.
        assert!(!text.contains(CANARY), "{asked:?}: {text}");
        let is_shown_safely = !text.chars().any(char::is_control);
        assert!(is_shown_safely, "{asked:?}: {text}");
        if asked == TiledAsked::About {
            about = word(&verdict.outcome);
        }
    }
    about
}

fn word(outcome: &str) -> &'static str {
    match outcome {
        "ok" => "ok",
        "retry" => "retry",
        "error:protocol" => "protocol",
        "error:server" => "server",
        "error:config" => "config",
        _ => "other",
    }
}

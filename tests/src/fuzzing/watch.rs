//! What holds for every machine, whatever happens around it.

use std::fmt::{Debug, Display};

use aiod_auth_core::{Error, Machine, Request, Step, Timestamp, Wanted};
use url::Url;

use super::{CANARY, ISSUER};
use crate::drive::Failure;

/// What is offered, in words.
pub(super) fn seen<T>(step: &Step<'_, T>) -> String {
    in_words(&match step {
        Step::Send(exchange) => Wanted::Send(exchange.request()),
        Step::Store(access) => Wanted::Store(access.request()),
        Step::Show(show) => Wanted::Show(show.prompt()),
        Step::Ask(ask) => Wanted::Ask(ask.question()),
        Step::Wait(pause) => Wanted::Wait(pause.delay(), pause.reason()),
        Step::Done(_) => Wanted::Nothing,
    })
}

/// What is shown to a driver that keeps no ticket: the same.
pub(super) fn in_words(wanted: &Wanted<'_>) -> String {
    match wanted {
        Wanted::Send(request) => format!(
            "send {} {} {:?}",
            request.url(),
            request.body().escape_ascii(),
            request.timeout()
        ),
        Wanted::Store(request) => format!("store {request:?}"),
        Wanted::Show(prompt) => format!("show {prompt}"),
        Wanted::Ask(question) => format!("ask {question:?}"),
        Wanted::Wait(delay, reason) => format!("wait {delay:?} for {reason:?}"),
        Wanted::Nothing => NOTHING.to_owned(),
    }
}

pub(super) const NOTHING: &str = "nothing";

/// Nothing that is printed has a secret in it.
pub(super) fn silent(what: &impl Debug) {
    silent_text(&format!("{what:?}"));
}

/// Nor one of these `secrets`.
pub(super) fn silent_about(what: &impl Debug, secrets: &[&str]) {
    let text = format!("{what:?}");
    silent_text(&text);
    let told = secrets.iter().find(|secret| text.contains(**secret));
    assert_eq!(told, None, "a secret is printed: {text}");
}

/// The same for what is there for people.
pub(super) fn silent_in_words(what: &(impl Debug + Display)) {
    silent_text(&format!("{what:?} {what}"));
}

fn silent_text(text: &str) {
    assert!(!text.contains(CANARY), "a secret is printed: {text}");
}

/// A secret goes to the server it is for.
pub(super) fn request(request: &Request) {
    silent(request);
    let home = Url::parse(ISSUER).map(|url| url.origin());
    assert_eq!(Ok(request.url().origin()), home, "a request goes elsewhere");
}

/// An error shows no secret, is one line of limited length, and is no bug of the crates.
pub(super) fn error(error: &Error, broken_store: bool) {
    silent_in_words(error);
    silent(&error.hint());
    let text = error.to_string();
    let one_line = !text.contains(char::is_control) && text.chars().count() < 1000;
    assert!(one_line, "no line of a log: {text:?}");
    let ours = matches!(error, Error::Finished | Error::Internal(_));
    assert!(!ours || broken_store, "a bug: {error:?}");
}

/// The outcome is handed over once.
pub(super) fn finished<M: Machine<Error: Failure>>(machine: &mut M, now: Timestamp) {
    for _ in 0..2 {
        assert_eq!(in_words(&machine.wanted(now)), NOTHING, "after the end");
        let again = machine.poll(now).map(|step| seen(&step)).map_err(Failure::into_parts);
        assert!(matches!(again, Err((Error::Finished, None))), "after the end: {again:?}");
    }
    assert!(machine.take_notes().is_empty(), "each note is handed over once");
}

//! Questions as a client's `show` gets them: each prompt takes its own answer.

use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::{fmt, time::Duration};
use std::sync::{Mutex, PoisonError};

use url::Url;

use super::{Credentials, NoAnswer, PasswordQuestion, ProviderQuestion, RedirectQuestion};
use crate::{
    cache::{Outcome, Promise},
    flow::{AuthorizationRequest, Redirect},
};

/// Takes an answer once. When its last owner is dropped without one, there is none.
struct Reply<A>(Mutex<Option<Promise<A>>>);

impl<A> Reply<A> {
    fn new() -> (Self, Outcome<A>) {
        let (promise, outcome) = Promise::new();
        (Self(Mutex::new(Some(promise))), outcome)
    }

    fn give(&self, answer: A) {
        let promise = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(promise) = promise {
            promise.keep(answer);
        }
    }
}

/// The user's browser has to open a page, and comes back to this machine by itself.
///
/// If it is on another machine, it can't come back: then the user copies the address from its address bar,
/// and [`paste`](Self::paste) takes it. That works from any thread, with a clone of the prompt.
pub struct BrowserPrompt {
    request: Arc<AuthorizationRequest>,
    chosen_because: Option<&'static str>,
    limit: Duration,
    pasted: Reply<Redirect>,
}

impl BrowserPrompt {
    /// For a driver: the prompt to show, and what is pasted.
    #[must_use]
    pub fn new(question: &RedirectQuestion) -> (Self, Outcome<Redirect>) {
        let RedirectQuestion { request, chosen_because, limit } = question.clone();
        let (pasted, outcome) = Reply::new();
        (Self { request, chosen_because, limit, pasted }, outcome)
    }

    /// The page, for the user's own browser (RFC 8252 §8.12).
    #[must_use]
    pub fn authorization_url(&self) -> &Url {
        self.request.url()
    }

    /// Where the browser comes back to.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        self.request.redirect_uri()
    }

    /// Why it is this way to log in, where nothing but the server decided.
    #[must_use]
    pub const fn chosen_because(&self) -> Option<&'static str> {
        self.chosen_because
    }

    /// How long the user has.
    #[must_use]
    pub const fn expires_in(&self) -> Duration {
        self.limit
    }

    /// Takes the address that the browser ended at: `http://127.0.0.1:…/?code=…&state=…`. Returns whether it
    /// is this login's; if it isn't, nothing has happened.
    #[must_use]
    pub fn paste(&self, address: &str) -> bool {
        match self.request.pasted(address) {
            Redirect::NotOurs => false,
            redirect @ (Redirect::Code(_) | Redirect::Failed(_)) => {
                self.pasted.give(redirect);
                true
            }
        }
    }
}

impl fmt::Display for BrowserPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = self.authorization_url();
        write!(f, "To log in, open this page in your browser on this machine:\n\n    {page}\n\n")?;
        f.write_str("Go on only if you started this login yourself.")
    }
}

impl fmt::Debug for BrowserPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserPrompt").field("request", &self.request).finish_non_exhaustive()
    }
}

/// A password is asked for. Without an answer the login ends, as soon as no clone of the prompt is left.
pub struct PasswordPrompt {
    question: PasswordQuestion,
    answer: Reply<Result<Credentials, NoAnswer>>,
}

impl PasswordPrompt {
    /// For a driver: the prompt to show, and the answer.
    #[must_use]
    pub fn new(question: PasswordQuestion) -> (Self, Outcome<Result<Credentials, NoAnswer>>) {
        let (answer, outcome) = Reply::new();
        (Self { question, answer }, outcome)
    }

    /// What is asked.
    #[must_use]
    pub const fn question(&self) -> &PasswordQuestion {
        &self.question
    }

    /// The answer. Only the first one counts.
    pub fn answer(&self, credentials: Credentials) {
        self.answer.give(Ok(credentials));
    }

    /// There is none.
    pub fn give_up(&self, why: NoAnswer) {
        self.answer.give(Err(why));
    }
}

impl fmt::Display for PasswordPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.question.username {
            Some(name) => write!(f, "password of {name}"),
            None => f.write_str("user name and password"),
        }
    }
}

impl fmt::Debug for PasswordPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasswordPrompt").field(&self.question).finish()
    }
}

/// There are several ways to log in. Without an answer the login ends, as soon as no clone of the prompt is
/// left.
pub struct ProviderPrompt {
    question: ProviderQuestion,
    answer: Reply<Result<usize, NoAnswer>>,
}

impl ProviderPrompt {
    /// For a driver: the prompt to show, and the answer.
    #[must_use]
    pub fn new(question: ProviderQuestion) -> (Self, Outcome<Result<usize, NoAnswer>>) {
        let (answer, outcome) = Reply::new();
        (Self { question, answer }, outcome)
    }

    /// What there is.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.question.names
    }

    /// This one, by its place in the list, from 0. Only the first answer counts.
    pub fn choose(&self, place: usize) {
        self.answer.give(Ok(place));
    }

    /// There is no answer.
    pub fn give_up(&self, why: NoAnswer) {
        self.answer.give(Err(why));
    }
}

impl fmt::Display for ProviderPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.names().iter().zip(1_usize..);
        let lines: Vec<_> = lines.map(|(name, number)| format!("{number}  {name}")).collect();
        write!(f, "Ways to log in:\n{}", lines.join("\n"))
    }
}

impl fmt::Debug for ProviderPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProviderPrompt").field(&self.question).finish()
    }
}

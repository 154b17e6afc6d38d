//! The page of a browser login, as a client's `show` gets it. It takes what the user pastes.

use alloc::sync::Arc;
use core::{fmt, time::Duration};
use std::sync::{Mutex, PoisonError};

use url::Url;

use super::RedirectQuestion;
use crate::{
    cache::{Outcome, Promise},
    flow::{AuthorizationRequest, Redirect},
};

/// The user's browser has to open a page, and comes back to this machine by itself.
///
/// If it is on another machine, it can't come back: then the user copies the address from its address bar,
/// and [`paste`](Self::paste) takes it. That works from any thread, with a clone of the prompt.
pub struct BrowserPrompt {
    request: Arc<AuthorizationRequest>,
    chosen_because: Option<&'static str>,
    limit: Duration,
    pasted: Mutex<Option<Promise<Redirect>>>,
}

impl BrowserPrompt {
    /// For a driver: the prompt to show, and what is pasted.
    #[must_use]
    pub fn new(question: &RedirectQuestion) -> (Self, Outcome<Redirect>) {
        let RedirectQuestion { request, chosen_because, limit } = question.clone();
        let (promise, outcome) = Promise::new();
        (Self { request, chosen_because, limit, pasted: Mutex::new(Some(promise)) }, outcome)
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
                // RFC 6749 §4.1.2: a code is used once.
                let mut pasted = self.pasted.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(promise) = pasted.take() {
                    promise.keep(redirect);
                }
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

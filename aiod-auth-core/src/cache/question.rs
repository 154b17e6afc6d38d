//! A question that a client hands to the program: owned, so that it can be awaited, or sent to a thread.

use core::fmt;

use super::promise::{Outcome, Promise};
use crate::{
    flow::Redirect,
    machine::{
        Ask, Asked, Credentials, ListenQuestion, Listening, NoAnswer, PasswordQuestion,
        ProviderQuestion, RedirectQuestion,
    },
};

/// What the user is asked: as [`Ask`], owned. The kind of the question says what its answer is.
///
/// ```
/// use aiod_auth_core::{Credentials, NoAnswer, Password, cache::UserQuestion};
///
/// // For `Client::login_asking`.
/// fn ask(question: UserQuestion) {
///     match question {
///         UserQuestion::Password(question) => question.answer(Credentials {
///             username: "alice".into(),         // read them from the terminal
///             password: Password::new("secret"),
///         }),
///         other => other.give_up(NoAnswer::Cancelled),
///     }
/// }
/// # let _ = ask;
/// ```
#[must_use = "a question that is dropped is cancelled"]
#[derive(Debug)]
#[non_exhaustive]
pub enum UserQuestion {
    /// To listen for the browser.
    Listen(Unanswered<ListenQuestion, Listening>),
    /// To send the user's browser away, and to wait until it is back.
    Redirect(Unanswered<RedirectQuestion, Redirect>),
    /// A user name and a password.
    Password(Unanswered<PasswordQuestion, Credentials>),
    /// Which of several ways to log in: its place in the list, from 0.
    Provider(Unanswered<ProviderQuestion, usize>),
}

/// A question without an answer yet. Dropped, it is [`NoAnswer::Cancelled`].
#[must_use = "a question that is dropped is cancelled"]
pub struct Unanswered<Q, A> {
    question: Q,
    promise: Promise<Result<A, NoAnswer>>,
}

/// The answer that will come, for the ticket that waits for it.
#[must_use]
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver takes it as it is")]
pub enum Pending<'m> {
    /// See [`UserQuestion::Listen`].
    Listen(Asked<'m, ListenQuestion, Listening>, Outcome<Result<Listening, NoAnswer>>),
    /// See [`UserQuestion::Redirect`].
    Redirect(Asked<'m, RedirectQuestion, Redirect>, Outcome<Result<Redirect, NoAnswer>>),
    /// See [`UserQuestion::Password`].
    Password(Asked<'m, PasswordQuestion, Credentials>, Outcome<Result<Credentials, NoAnswer>>),
    /// See [`UserQuestion::Provider`].
    Provider(Asked<'m, ProviderQuestion, usize>, Outcome<Result<usize, NoAnswer>>),
}

impl UserQuestion {
    /// Takes the question out of a machine's ticket, which gets the answer.
    pub fn of(ask: Ask<'_>) -> (Self, Pending<'_>) {
        match ask {
            Ask::Listen(asked) => {
                let (question, outcome) = Unanswered::new(asked.question().clone());
                (Self::Listen(question), Pending::Listen(asked, outcome))
            }
            Ask::Redirect(asked) => {
                let (question, outcome) = Unanswered::new(asked.question().clone());
                (Self::Redirect(question), Pending::Redirect(asked, outcome))
            }
            Ask::Password(asked) => {
                let (question, outcome) = Unanswered::new(asked.question().clone());
                (Self::Password(question), Pending::Password(asked, outcome))
            }
            Ask::Provider(asked) => {
                let (question, outcome) = Unanswered::new(asked.question().clone());
                (Self::Provider(question), Pending::Provider(asked, outcome))
            }
        }
    }

    /// There is no answer.
    pub fn give_up(self, why: NoAnswer) {
        match self {
            Self::Listen(question) => question.give_up(why),
            Self::Redirect(question) => question.give_up(why),
            Self::Password(question) => question.give_up(why),
            Self::Provider(question) => question.give_up(why),
        }
    }
}

impl<Q, A> Unanswered<Q, A> {
    fn new(question: Q) -> (Self, Outcome<Result<A, NoAnswer>>) {
        let (promise, outcome) = Promise::new();
        (Self { question, promise }, outcome)
    }

    /// What to ask.
    #[must_use]
    pub const fn question(&self) -> &Q {
        &self.question
    }

    /// The answer.
    pub fn answer(self, answer: A) {
        self.promise.keep(Ok(answer));
    }

    /// There is none.
    pub fn give_up(self, why: NoAnswer) {
        self.promise.keep(Err(why));
    }
}

impl<Q: fmt::Debug, A> fmt::Debug for Unanswered<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unanswered").field("question", &self.question).finish_non_exhaustive()
    }
}

impl Pending<'_> {
    /// Waits for the answer, and gives it to the machine: with how long it took by then.
    pub async fn get(self, took: impl Fn() -> core::time::Duration + Send) {
        match self {
            Self::Listen(asked, outcome) => give(asked, outcome, took).await,
            Self::Redirect(asked, outcome) => give(asked, outcome, took).await,
            Self::Password(asked, outcome) => give(asked, outcome, took).await,
            Self::Provider(asked, outcome) => give(asked, outcome, took).await,
        }
    }
}

async fn give<Q, A>(
    asked: Asked<'_, Q, A>,
    outcome: Outcome<Result<A, NoAnswer>>,
    took: impl Fn() -> core::time::Duration,
) {
    match outcome.get().await {
        Some(Ok(answer)) => asked.answer(took(), answer),
        Some(Err(why)) => asked.give_up(took(), why),
        None => asked.give_up(took(), NoAnswer::Cancelled),
    }
}

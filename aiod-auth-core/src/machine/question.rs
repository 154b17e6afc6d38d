//! What a user, or the program in a user's place, is asked. Each question has an answer of its own type.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, net::SocketAddr, time::Duration};

use zeroize::Zeroizing;

use super::io::{Open, OpenAsk};
use crate::{
    entropy::Entropy,
    error::{ConfigProblem, Error},
    flow::{AuthorizationRequest, Redirect},
    loopback::RedirectAddress,
};

/// A ticket for a question, by what is asked.
#[must_use]
#[derive(Debug)]
#[non_exhaustive]
pub enum Ask<'m> {
    /// To listen for the browser.
    Listen(Asked<'m, ListenQuestion, Listening>),
    /// To send the user's browser away, and to wait until it is back.
    Redirect(Asked<'m, RedirectQuestion, Redirect>),
    /// A user name and a password.
    Password(Asked<'m, PasswordQuestion, Credentials>),
    /// Which of several ways to log in: its place in the list, from 0.
    Provider(Asked<'m, ProviderQuestion, usize>),
}

/// A ticket for one question.
#[must_use]
pub struct Asked<'m, Q, A>(&'m mut Open<Q, Result<A, NoAnswer>>);

impl<Q, A> Asked<'_, Q, A> {
    /// What to ask.
    #[must_use]
    pub const fn question(&self) -> &Q {
        &self.0.wanted
    }

    /// The answer, and how long it took.
    pub fn answer(self, took: Duration, answer: A) {
        self.0.complete(took, Ok(answer));
    }

    /// There is none.
    pub fn give_up(self, took: Duration, why: NoAnswer) {
        self.0.complete(took, Err(why));
    }
}

impl<Q, A> fmt::Debug for Asked<'_, Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

impl<'m> Ask<'m> {
    pub(super) const fn new(open: &'m mut OpenAsk) -> Self {
        match open {
            OpenAsk::Listen(open) => Self::Listen(Asked(open)),
            OpenAsk::Redirect(open) => Self::Redirect(Asked(open)),
            OpenAsk::Password(open) => Self::Password(Asked(open)),
            OpenAsk::Provider(open) => Self::Provider(Asked(open)),
        }
    }

    /// What to ask, to look at.
    #[must_use]
    pub const fn question(&self) -> Question<'_> {
        match self {
            Self::Listen(asked) => Question::Listen(asked.question()),
            Self::Redirect(asked) => Question::Redirect(asked.question()),
            Self::Password(asked) => Question::Password(asked.question()),
            Self::Provider(asked) => Question::Provider(asked.question()),
        }
    }

    /// There is no answer. A driver without a user gives up every question.
    pub fn give_up(self, took: Duration, why: NoAnswer) {
        match self {
            Self::Listen(asked) => asked.give_up(took, why),
            Self::Redirect(asked) => asked.give_up(took, why),
            Self::Password(asked) => asked.give_up(took, why),
            Self::Provider(asked) => asked.give_up(took, why),
        }
    }
}

/// What is asked, to look at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Question<'m> {
    /// See [`Ask::Listen`].
    Listen(&'m ListenQuestion),
    /// See [`Ask::Redirect`].
    Redirect(&'m RedirectQuestion),
    /// See [`Ask::Password`].
    Password(&'m PasswordQuestion),
    /// See [`Ask::Provider`].
    Provider(&'m ProviderQuestion),
}

/// Why there is no answer.
///
/// ```
/// use aiod_auth_core::{Error, Kind, NoAnswer, cache::UserQuestion};
///
/// // A program without a terminal, for `Client::login_asking`.
/// let ask = |question: UserQuestion| question.give_up(NoAnswer::Cancelled);
/// # let _ = (ask, Error::Cancelled.kind() == Kind::Cancelled);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The user, or the program, gave up.
    Cancelled,
    /// The time that the question had is over.
    OutOfTime,
    /// It can't be asked, and why: `there is no terminal to ask for a password`.
    Impossible(&'static str),
    /// Another program has this port of the redirect address, and the browser could go to that one.
    PortTaken(u16),
}

impl NoAnswer {
    /// The end of a login that has so long in all.
    pub(crate) const fn into_error(self, limit: Duration) -> Error {
        match self {
            Self::Cancelled => Error::Cancelled,
            Self::OutOfTime => Error::TimedOut { limit, cause: None },
            Self::Impossible(why) => Error::Usage(why),
            Self::PortTaken(port) => Error::Config(ConfigProblem::PortTaken(port)),
        }
    }
}

/// Open a port on the loopback interface that the browser can come back to, and give it to the login: it is
/// open until the login ends (RFC 8252 §8.3).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenQuestion {
    /// Which address.
    pub address: RedirectAddress,
}

/// A port that is open, and random bytes for this login.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "adapters make it")]
pub struct Listening {
    /// The address that was bound.
    pub bound: SocketAddr,
    /// For `state` and the code verifier.
    pub entropy: [Entropy; 2],
}

/// Open the page in the user's own browser (and show its address, if that can't be done), and wait for what
/// comes back: a visit that a [`Listener`](crate::loopback::Listener) finds to be the one, or an address that
/// the user pastes ([`AuthorizationRequest::pasted`]).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedirectQuestion {
    /// The page, and what has to come back.
    pub request: Arc<AuthorizationRequest>,
    /// Why it is this flow, where nothing but the server decided.
    pub chosen_because: Option<&'static str>,
    /// How long to wait.
    pub limit: Duration,
}

/// Ask for a password, without showing it while it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordQuestion {
    /// Whose, if that is known: of the profile, or because it was asked before.
    pub username: Option<String>,
    /// The last answer was refused.
    pub is_retry: bool,
    /// How long to wait.
    pub limit: Duration,
    /// What to do about an empty one.
    pub empty: EmptyPassword,
}

/// What an empty password means: that depends on the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmptyPassword {
    /// It is a password like any other.
    IsSent,
    /// The user gives up (Tiled).
    Cancels,
}

/// A user name and a password.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "adapters make it")]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Password,
}

/// A user's password: sent once, wiped when dropped, and never kept (RFC 6749 §4.3.1).
///
/// ```
/// use aiod_auth_core::{Credentials, Password};
///
/// let credentials = Credentials { username: "alice".into(), password: Password::new("secret") };
/// assert!(!format!("{credentials:?}").contains("secret"));
/// ```
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes it as it was typed.
    pub fn new(password: impl Into<String>) -> Self {
        Self(Zeroizing::new(password.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// Ask which way to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderQuestion {
    /// What there is, made safe to print.
    pub names: Vec<String>,
    /// How long to wait.
    pub limit: Duration,
}

//! What happens to a login, told to the program.

use core::{fmt, time::Duration};

use crate::{
    error::{Error, NotLoggedIn, StoreFailure},
    profile::RecordKey,
    session::LoggedOut,
};

/// Is told what happens to the logins of a client. It is called on the thread or in the task where it
/// happens, and must not block.
///
/// ```
/// use aiod_auth_core::cache::{Event, Observer, What};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// /// For a dashboard. Given to `Client::with_observer`.
/// #[derive(Default)]
/// struct Counts {
///     refreshes: AtomicU64,
///     warnings: AtomicU64,
/// }
///
/// impl Observer for Counts {
///     fn observe(&self, event: &Event<'_>) {
///         if let What::Refreshed = event.what {
///             self.refreshes.fetch_add(1, Ordering::Relaxed);
///         }
///         if event.is_warning() {
///             self.warnings.fetch_add(1, Ordering::Relaxed);
///             eprintln!("{event}"); // no secret is in it
///         }
///     }
/// }
/// # let _ = Counts::default();
/// ```
pub trait Observer: Send + Sync {
    /// Something has happened.
    fn observe(&self, event: &Event<'_>);
}

/// Something that has happened. `Display` is a line for a log, without a secret.
///
/// ```
/// use aiod_auth_core::cache::{Event, What};
///
/// fn line(event: &Event<'_>) -> Option<String> {
///     match &event.what {
///         What::Refreshed => None, // as usual
///         What::Failed(error) => Some(format!("no new token after {:?}: {error}", event.took)),
///         _ => Some(event.to_string()),
///     }
/// }
/// # let _ = line;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// To which login: its server, client and account.
    pub key: &'a RecordKey,
    /// What.
    pub what: What<'a>,
    /// How long it took.
    pub took: Duration,
}

/// What has happened.
///
/// ```
/// use aiod_auth_core::cache::{Event, What};
///
/// /// Whether the operator has to act: a new login, a disk that is full.
/// fn needs_an_operator(event: &Event<'_>) -> bool {
///     match &event.what {
///         What::Failed(error) => error.asks_for_login(),
///         What::NotSaved(_) => true,
///         _ => false,
///     }
/// }
/// # let _ = needs_an_operator;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// New tokens were acquired without the user: by refresh, by client credentials, or by another
    /// process meanwhile.
    Refreshed,
    /// Tokens were to be acquired, and were not. Those that were there may still be good.
    Failed(&'a Error),
    /// Tokens are not in the store: losing them may mean a new login.
    NotSaved(&'a StoreFailure),
    /// There is a new login, or there are tokens from elsewhere.
    LoggedIn,
    /// A login failed, or tokens from elsewhere could not be taken. The login before stays.
    LoginFailed(&'a Error),
    /// A logout has ended.
    LoggedOut(&'a LoggedOut),
    /// A logout failed. The login stays.
    LogoutFailed(&'a Error),
}

impl Event<'_> {
    /// The target with which the clients log events, through the crate `log`: for a logger that has them from an
    /// [`Observer`].
    pub const LOG_TARGET: &'static str = "aiod_auth::event";

    /// Whether an operator should see it. Where no login was ever stored, that is how a program begins which asks
    /// its user then; a login that was there and gives no more tokens needs a new one.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        match self.what {
            What::Failed(Error::NotAuthenticated(NotLoggedIn::NoRecord)) => false,
            What::Failed(_)
            | What::NotSaved(_)
            | What::LoginFailed(_)
            | What::LogoutFailed(_)
            | What::LoggedOut(LoggedOut::Unconfirmed(_)) => true,
            What::Refreshed | What::LoggedIn | What::LoggedOut(_) => false,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Refreshed => write!(f, "new tokens")?,
            What::Failed(error) => write!(f, "no new tokens: {error}")?,
            What::NotSaved(failure) => write!(f, "tokens are not saved: {failure}")?,
            What::LoggedIn => write!(f, "logged in")?,
            What::LoginFailed(error) => write!(f, "the login failed: {error}")?,
            What::LoggedOut(LoggedOut::Unconfirmed(error)) => {
                write!(f, "logged out, which is unconfirmed: {error}")?;
            }
            What::LoggedOut(_) => write!(f, "logged out")?,
            What::LogoutFailed(error) => write!(f, "the logout failed: {error}")?,
        }
        write!(f, " ({}, {}", self.key.issuer, self.key.client_id)?;
        if let Some(account) = &self.key.account {
            write!(f, ", {account}")?;
        }
        write!(f, "; {} ms)", self.took.as_millis())
    }
}

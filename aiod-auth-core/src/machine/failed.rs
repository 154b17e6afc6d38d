//! How a machine fails that may have got a refresh token all the same.

use alloc::boxed::Box;
use core::fmt;

use crate::{
    error::{Error, StoreFailure},
    token::Tokens,
};

/// A failure, and what came with it. It is no [`core::error::Error`] and becomes none by `?`: look at
/// [`salvaged`](Self::salvaged) first.
///
/// ```compile_fail
/// # use aiod_auth_core::{Error, Failed};
/// fn drive(outcome: Result<(), Failed>) -> Result<(), Error> {
///     Ok(outcome?) // a salvaged refresh token would be lost
/// }
/// ```
///
/// ```
/// # use aiod_auth_core::{Error, Failed, Tokens};
/// # fn keep(_tokens: &Tokens) {}
/// fn drive(outcome: Result<(), Failed>) -> Result<(), Error> {
///     outcome.map_err(|failed| {
///         if let Some(tokens) = &failed.salvaged {
///             keep(tokens);
///         }
///         failed.error
///     })
/// }
/// ```
#[must_use = "it may hold a refresh token that is nowhere else"]
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "the failure, the tokens, and what became of them")]
pub struct Failed {
    /// What went wrong.
    pub error: Error,
    /// Tokens to go on with all the same. From a flow: a refresh token that came with an answer which is
    /// otherwise of no use, in place of the one that was sent, which may be dead. From a session: what it
    /// could not save; or an access token that is still good, where nothing can refresh it.
    pub salvaged: Option<Box<Tokens>>,
    /// Why the store has not saved them, where it was tried.
    pub not_saved: Option<Box<StoreFailure>>,
}

impl Failed {
    pub(crate) fn with(error: Error, salvaged: Option<Tokens>) -> Self {
        Self { salvaged: salvaged.map(Box::new), ..Self::from(error) }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, salvaged: None, not_saved: None }
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed")
            .field("error", &self.error)
            .field("salvaged", &self.salvaged.is_some())
            .field("not_saved", &self.not_saved)
            .finish()
    }
}

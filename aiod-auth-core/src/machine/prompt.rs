//! What a user is shown.

use alloc::sync::Arc;
use core::fmt;

#[cfg(feature = "std")]
use super::asking::{BrowserPrompt, PasswordPrompt, ProviderPrompt};
use crate::flow::DevicePrompt;

/// What the user has to be shown, or asked. Cheap to clone; `Display` is a few lines that say what to do.
///
/// Those that ask take the answer themselves, then or later, on any thread. A program that answers none can
/// print them all the same: a login that can't go on without the answer then says so.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Prompt {
    /// Where to go and which code to enter: RFC 8628 §3.3.
    DeviceCode(Arc<DevicePrompt>),
    /// Which page to open in a browser of this machine: RFC 8252.
    #[cfg(feature = "std")]
    Browser(Arc<BrowserPrompt>),
    /// Asks for a user name and a password: RFC 6749 §4.3.
    #[cfg(feature = "std")]
    Password(Arc<PasswordPrompt>),
    /// Asks which of several ways to log in.
    #[cfg(feature = "std")]
    Provider(Arc<ProviderPrompt>),
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeviceCode(prompt) => prompt.fmt(f),
            #[cfg(feature = "std")]
            Self::Browser(prompt) => prompt.fmt(f),
            #[cfg(feature = "std")]
            Self::Password(prompt) => prompt.fmt(f),
            #[cfg(feature = "std")]
            Self::Provider(prompt) => prompt.fmt(f),
        }
    }
}

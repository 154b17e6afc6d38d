//! What a user is shown.

use alloc::sync::Arc;
use core::fmt;

#[cfg(feature = "std")]
use super::BrowserPrompt;
use crate::flow::DevicePrompt;

/// What the user has to be shown. Cheap to clone; `Display` is a few lines that say what to do.
///
/// ```
/// use aiod_auth_core::Prompt;
///
/// // For `Client::login`.
/// fn show(prompt: &Prompt) {
///     match prompt {
///         Prompt::DeviceCode(code) => println!("{} at {}", code.user_code, code.verification_uri),
///         other => println!("{other}"), // each can be printed as it is
///     }
/// }
/// # let _ = show;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Prompt {
    /// Where to go and which code to enter: RFC 8628 §3.3.
    DeviceCode(Arc<DevicePrompt>),
    /// Which page to open in a browser of this machine: RFC 8252.
    #[cfg(feature = "std")]
    Browser(Arc<BrowserPrompt>),
    /// What the server says to a user who has logged in, without control characters. Nothing waits for the user.
    Confirmation(Arc<str>),
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeviceCode(prompt) => prompt.fmt(f),
            #[cfg(feature = "std")]
            Self::Browser(prompt) => prompt.fmt(f),
            Self::Confirmation(words) => f.write_str(words),
        }
    }
}

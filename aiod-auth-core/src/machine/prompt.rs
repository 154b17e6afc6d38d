//! What a user is shown.

use alloc::sync::Arc;
use core::fmt;

use crate::flow::DevicePrompt;

/// What the user has to be shown. Cheap to clone; `Display` is a few lines that say what to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Prompt {
    /// Where to go and which code to enter: RFC 8628 §3.3.
    DeviceCode(Arc<DevicePrompt>),
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeviceCode(prompt) => prompt.fmt(f),
        }
    }
}

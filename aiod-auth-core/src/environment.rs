//! What a program reads from its environment, as a plain value.

use alloc::{string::String, vec::Vec};
use core::fmt;

use zeroize::Zeroizing;

/// Environment variables that the caller has read: the core reads none.
///
/// `Debug` shows the names alone: a proxy's address may have a password in it.
///
/// ```
/// use aiod_auth_core::{Environment, proxy::Proxies};
///
/// let names = Proxies::VARIABLES.into_iter();
/// let environment: Environment =
///     names.filter_map(|name| Some((name, std::env::var(name).ok()?))).collect();
/// ```
#[derive(Clone, Default)]
pub struct Environment(Vec<(String, Zeroizing<String>)>);

impl Environment {
    /// The variable's value. One that is empty is not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let owned = |(name, value): (N, V)| (name.into(), Zeroizing::new(value.into()));
        Self(variables.into_iter().map(owned).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

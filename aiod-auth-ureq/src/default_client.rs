//! One client for a whole process, if the application wants one.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::Client;

static DEFAULT: ArcSwapOption<Client> = ArcSwapOption::const_empty();

/// The client that the application has set for the whole process. Reading it costs no lock.
///
/// No function here uses it: what has a client calls its methods. It is for functions that may be
/// given one:
///
/// ```
/// use std::sync::Arc;
/// use aiod_auth_ureq::{Client, Error, default_client};
///
/// fn request(client: Option<Arc<Client>>) -> Result<(), Error> {
///     let client = client.or_else(default_client).ok_or(Error::Usage("no client was set"))?;
///     let header = client.token()?.authorization();
///     // …
///     Ok(())
/// }
/// ```
#[must_use]
pub fn default_client() -> Option<Arc<Client>> {
    DEFAULT.load_full()
}

/// Sets it, or with `None` takes it away, and returns the former one. It is for applications: a library
/// never does. What has got the former one goes on with it.
#[doc(alias = "use_in_requests")]
pub fn set_default_client(client: impl Into<Option<Arc<Client>>>) -> Option<Arc<Client>> {
    DEFAULT.swap(client.into())
}

//! A login as a platform makes it and as both clients take it.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::Profile;

use crate::{MemoryStore, Store};

/// Where to log in, and where the tokens are kept. Each platform makes one in its own file here; the clients
/// know of no platform.
///
/// ```
/// use aiod_auth_core::{Environment, Timestamp};
/// use aiod_auth_store::LoginTo;
///
/// let environment = Environment::from_iter([("POLARS_CLOUD_ACCESS_TOKEN", "from-outside")]);
/// let login = LoginTo::polars(&environment, Timestamp::UNIX_EPOCH)?;
/// let tokens = login.store.load(&login.profile.key())?.expect("it is used as it is");
/// assert_eq!(tokens.access_token()?.expose(), "from-outside");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoginTo {
    /// Where, as which client, and how.
    pub profile: Profile,
    /// Where the tokens are kept.
    pub store: Arc<dyn Store>,
    /// How long a request may take, where the platform's settings say so.
    pub request_timeout: Option<Duration>,
}

impl LoginTo {
    /// This profile, with its tokens in this store.
    pub fn new(profile: Profile, store: impl Store + 'static) -> Self {
        Self { profile, store: Arc::new(store), request_timeout: None }
    }

    /// This profile, with its tokens in memory: the login ends with the program.
    #[doc(alias = "write_to_file")]
    #[must_use]
    pub fn in_memory(profile: Profile) -> Self {
        Self::new(profile, MemoryStore::default())
    }

    /// With a limit to each request.
    #[must_use]
    pub const fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = Some(timeout);
        self
    }
}

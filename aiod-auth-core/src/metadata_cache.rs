//! A cache of authorization servers' metadata.

use alloc::{sync::Arc, vec::Vec};

use atomic_refcell::AtomicRefCell;

use crate::{
    error::{Endpoint, Error},
    flow::discovery::discover,
    machine::{Deadline, Io},
    profile::Profile,
    retry::RetryPolicy,
    server::AuthorizationServer,
    time::Timestamp,
};

/// Caches the metadata of discovered servers for an hour, for all machines that share it. Clones share one
/// cache.
///
/// ```
/// use aiod_auth_core::{AuthorizationServer, Endpoint, Issuer, MetadataCache};
///
/// // A server that is known needs no discovery.
/// let server = AuthorizationServer::new(Issuer::new("https://as.example")?)
///     .with_endpoint(Endpoint::Token, "https://as.example/token")?;
/// let known = MetadataCache::of(server);
/// # let _ = known; // for `Session::with_metadata`
/// # Ok::<(), aiod_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MetadataCache(Arc<AtomicRefCell<Vec<Arc<AuthorizationServer>>>>);

impl MetadataCache {
    /// A cache with one server.
    #[must_use]
    pub fn of(server: AuthorizationServer) -> Self {
        Self(Arc::new(AtomicRefCell::new(alloc::vec![Arc::new(server)])))
    }

    /// The server of this profile, if it is configured or cached.
    fn get(
        &self,
        profile: &Profile,
        needed: &[Endpoint],
        now: Timestamp,
    ) -> Option<Arc<AuthorizationServer>> {
        // No thread waits for a lock: while another thread writes, the cache counts as empty, which costs
        // one discovery.
        let known = self.0.try_borrow();
        profile.server_for(known.as_deref().map_or(&[], Vec::as_slice), needed, now)
    }

    fn put(&self, server: &Arc<AuthorizationServer>, now: Timestamp) {
        let Ok(mut servers) = self.0.try_borrow_mut() else { return };
        servers.retain(|known| known.is_current(now) && !known.is_same_as(server));
        if servers.len() >= SERVERS_MAX {
            servers.remove(0);
        }
        servers.push(Arc::clone(server));
    }

    /// The server of this profile: configured, cached, or else discovered.
    pub(crate) async fn find(
        &self,
        io: &Io,
        profile: &Profile,
        needed: &[Endpoint],
        policy: &RetryPolicy,
        deadline: Deadline,
    ) -> Result<Arc<AuthorizationServer>, Error> {
        if let Some(server) = self.get(profile, needed, io.now()) {
            return Ok(server);
        }
        let found = discover(io, profile.issuer(), profile.deviations(), policy, deadline).await?;
        let server = Arc::new(profile.discovered(found));
        self.put(&server, io.now());
        Ok(server)
    }
}

/// A limit on memory: few programs talk to as many servers.
const SERVERS_MAX: usize = 64;

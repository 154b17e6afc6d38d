//! Waiting for the lock of a record.

use std::{thread, time::Duration};

use aiod_auth_core::{RecordKey, StoreFailure};
use aiod_auth_store::{Lock, Store};

use crate::failure::Failure;

pub(super) fn take(store: &dyn Store, key: &RecordKey) -> Result<Lock, Failure> {
    for _ in 0..ATTEMPTS {
        if let Some(lock) = store.try_lock(key)? {
            return Ok(lock);
        }
        thread::sleep(PAUSE);
    }
    let lease_left = store.lease_left(key).ok().flatten();
    Err(StoreFailure::busy(&store.location(key), lease_left).into())
}

const PAUSE: Duration = Duration::from_millis(100);
const ATTEMPTS: u32 = 500;

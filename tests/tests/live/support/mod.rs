//! What the cases stand on: the servers themselves, the command, the platforms' own clients, a browser,
//! and a place to work.

pub(crate) mod api;
pub(crate) mod chromium;
pub(crate) mod command;
pub(crate) mod counting_proxy;
pub(crate) mod front;
pub(crate) mod glewlwyd;
pub(crate) mod jetraw;
pub(crate) mod keycloak;
pub(crate) mod polars;
pub(crate) mod provider;
pub(crate) mod python;
pub(crate) mod user;
pub(crate) mod workplace;

use std::{sync::Barrier, thread};

pub(crate) use counting_proxy::CountingProxy;
pub(crate) use polars::Polars;
pub(crate) use provider::Provider;
pub(crate) use python::Python;
pub(crate) use workplace::Workplace;

/// Runs this on many threads that start together.
pub(crate) fn together<T: Send>(threads: usize, job: impl Fn() -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        let spawn = |_| {
            scope.spawn(|| {
                barrier.wait();
                job()
            })
        };
        let handles: Vec<_> = (0..threads).map(spawn).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    })
}

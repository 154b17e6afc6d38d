//! A value behind a lock, and waiting until it is as it is wanted.

use alloc::vec::Vec;
use core::{
    future::poll_fn,
    mem,
    task::{Poll, Waker},
};

use super::sync::{Mutex, MutexGuard, PoisonError};

/// The lock is held for a moment only, never across an await; and what waits needs no runtime.
#[derive(Debug, Default)]
pub(super) struct Monitor<S>(Mutex<Inner<S>>);

#[derive(Debug, Default)]
struct Inner<S> {
    value: S,
    /// What waits for a change, each with a number of its own.
    waiting: Vec<(u64, Waker)>,
    last_number: u64,
}

impl<S> Monitor<S> {
    pub(super) const fn new(value: S) -> Self {
        Self(Mutex::new(Inner { value, waiting: Vec::new(), last_number: 0 }))
    }

    /// For what no waiting caller would notice.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.lock().value)
    }

    /// Changes the value, and wakes all that wait.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut S) -> T) -> T {
        let mut inner = self.lock();
        let result = change(&mut inner.value);
        let waiting = mem::take(&mut inner.waiting);
        drop(inner);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
        result
    }

    /// Waits until `ready` has a result. It is asked now, and after each change.
    pub(super) async fn until<T>(&self, mut ready: impl FnMut(&mut S) -> Option<T>) -> T {
        let mut place = Place { monitor: self, number: None };
        poll_fn(|context| {
            let mut inner = self.lock();
            match ready(&mut inner.value) {
                Some(result) => Poll::Ready(result),
                None => {
                    inner.wait(&mut place.number, context.waker());
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Inner<S> {
    fn wait(&mut self, number: &mut Option<u64>, waker: &Waker) {
        let number = *number.get_or_insert_with(|| {
            self.last_number = self.last_number.wrapping_add(1);
            self.last_number
        });
        match self.waiting.iter_mut().find(|(waiting, _)| *waiting == number) {
            Some((_, known)) => known.clone_from(waker),
            None => self.waiting.push((number, waker.clone())),
        }
    }
}

/// A future that is dropped waits no longer.
struct Place<'a, S> {
    monitor: &'a Monitor<S>,
    number: Option<u64>,
}

impl<S> Drop for Place<'_, S> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.monitor.lock().waiting.retain(|(waiting, _)| *waiting != number);
        }
    }
}

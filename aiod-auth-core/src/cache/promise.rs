//! The outcome of work that runs elsewhere.

use alloc::sync::Arc;
use core::fmt;

use super::monitor::Monitor;

/// The end of whatever works: on another thread, in another task.
pub struct Promise<T>(Arc<Monitor<State<T>>>);

/// The end of what waits for it.
pub struct Outcome<T>(Arc<Monitor<State<T>>>);

enum State<T> {
    Open,
    Kept(T),
    Broken,
}

impl<T> Promise<T> {
    /// Both ends.
    #[must_use]
    pub fn new() -> (Self, Outcome<T>) {
        let state = Arc::new(Monitor::new(State::Open));
        (Self(Arc::clone(&state)), Outcome(state))
    }

    /// This came of it.
    pub fn keep(self, outcome: T) {
        self.0.change(|state| *state = State::Kept(outcome));
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.0.change(|state| {
            if matches!(state, State::Open) {
                *state = State::Broken;
            }
        });
    }
}

impl<T> Outcome<T> {
    /// Waits for what comes of it. `None`: the work was dropped on its way.
    pub async fn get(self) -> Option<T> {
        self.0
            .until(|state| match core::mem::replace(state, State::Broken) {
                State::Open => {
                    *state = State::Open;
                    None
                }
                State::Kept(outcome) => Some(Some(outcome)),
                State::Broken => Some(None),
            })
            .await
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome").finish_non_exhaustive()
    }
}

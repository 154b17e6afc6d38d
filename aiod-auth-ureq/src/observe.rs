//! What happens to a login, told to the log and to the program.

use std::sync::Arc;

use aiod_auth_core::cache::{Event, Observer};

/// Logs each event, then tells the program's observer.
#[derive(Clone, Default)]
pub(crate) struct Logged(Option<Arc<dyn Observer>>);

impl Logged {
    pub(crate) fn and(observer: Arc<dyn Observer>) -> Self {
        Self(Some(observer))
    }
}

impl Observer for Logged {
    fn observe(&self, event: &Event<'_>) {
        let level = if event.is_warning() { log::Level::Warn } else { log::Level::Debug };
        log::log!(target: Event::LOG_TARGET, level, "{event}");
        if let Some(observer) = &self.0 {
            observer.observe(event);
        }
    }
}

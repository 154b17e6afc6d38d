//! How much time is left, on the last line of a terminal.

use std::{
    fmt,
    io::{self, IsTerminal},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// The line while it is there. Shared with the handler of Ctrl-C, which takes it away.
#[derive(Clone, Debug, Default)]
pub(super) struct Countdown(Arc<Mutex<Option<ProgressBar>>>);

impl Countdown {
    /// Draws the line and keeps it up to date, if stderr is a terminal and there is a thread for it.
    pub(super) fn start(&self, time: Duration) {
        let template = "{spinner} waiting for the login to be approved, {left} left";
        let style = ProgressStyle::with_template(template).map(|style| {
            // The default ones are Braille.
            if super::qr_code::terminal_has_blocks() { style } else { style.tick_chars("-\\|/ ") }
        });
        if let (true, Ok(style)) = (io::stderr().is_terminal() && has_thread(), style) {
            let left = move |state: &ProgressState, line: &mut dyn fmt::Write| {
                let seconds = time.saturating_sub(state.elapsed()).as_secs();
                // There is nothing to do if the terminal is gone.
                write!(line, "{}:{:02}", seconds / 60, seconds % 60).ok();
            };
            let bar = ProgressBar::new_spinner().with_style(style.with_key("left", left));
            bar.enable_steady_tick(Duration::from_millis(250));
            self.replace(Some(bar));
        }
    }

    /// Takes the line away, so that the next one begins where it was.
    pub(super) fn end(&self) {
        if let Some(bar) = self.replace(None) {
            bar.finish_and_clear();
        }
    }

    /// Does this while the line is away.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match shown {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn replace(&self, bar: Option<ProgressBar>) -> Option<ProgressBar> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut shown, bar)
    }
}

/// The library panics where there is none (`ulimit -u`).
fn has_thread() -> bool {
    thread::Builder::new().spawn(|| ()).is_ok_and(|thread| thread.join().is_ok())
}

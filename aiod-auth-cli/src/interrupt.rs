//! Ctrl-C (and SIGTERM, SIGHUP, SIGQUIT): leaves at once, but never between a refresh and its record.
//!
//! A session takes the store's lock before it sends a refresh token, and gives it back once the
//! answer is saved. Leaving in between could lose a rotated refresh token, and with it the login.
//! So that is the stretch in which the exit waits.

use std::{
    mem, process,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use aiod_auth_core::Kind;

use crate::{
    failure::{Failure, exit_code},
    print::Printer,
    stored::Stored,
    terminal,
};

/// Knows whether this is a bad moment to leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many stretches are under way in which nothing may be cut off.
    under_way: usize,
    /// Ctrl-C was pressed.
    leaving: bool,
    /// After such a stretch the command has nothing left to do but to say what came of it.
    reports: bool,
    /// What is typed is not shown: before the program ends, it has to be again.
    hidden: Option<terminal::Hidden>,
    /// What became of the tokens that were to be saved last.
    stored: Stored,
}

impl State {
    fn show_input(&mut self) {
        if let Some(hidden) = self.hidden.take() {
            hidden.end();
        }
    }
}

impl Interrupt {
    /// From here on, Ctrl-C ends the program with exit code 4.
    pub(crate) fn install(&self, printer: &Printer) {
        let (interrupt, for_handler) = (self.clone(), printer.clone());
        let resumed = self.clone();
        if !on_signal(move || interrupt.signalled(&for_handler), move || resumed.resumed()) {
            printer.warn("Ctrl-C can't be handled here");
        }
    }

    /// Nothing may be cut off until this is dropped.
    pub(crate) fn hold_off(&self) -> HeldOff {
        self.state().under_way += 1;
        HeldOff(self.clone())
    }

    /// Until this is dropped, a terminal doesn't show what is typed. Ctrl-C ends that, and the program.
    pub(crate) fn hide_input(&self) -> HiddenInput {
        self.state().hidden = terminal::Hidden::begin();
        HiddenInput(self.clone())
    }

    /// The command that holds Ctrl-C off ends by itself then, and says what came of it.
    pub(crate) fn report_first(&self) {
        self.state().reports = true;
    }

    /// What the way out by a signal has to say.
    pub(crate) fn set_stored(&self, stored: Stored) {
        self.state().stored = stored;
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.state().leaving
    }

    /// After Ctrl-Z and `fg`.
    fn resumed(&self) {
        if let Some(hidden) = &self.state().hidden {
            hidden.resume();
        }
    }

    fn signalled(&self, printer: &Printer) {
        let mut state = self.state();
        let again = mem::replace(&mut state.leaving, true);
        state.show_input();
        drop(state);
        let (interrupt, printer) = (self.clone(), printer.clone());
        if again {
            let failure =
                Failure::new(Kind::Cancelled, "cancelled; what was under way may be lost");
            return beside(move || leave(&printer, Stored::Yes, failure.clone()));
        }
        beside(move || interrupt.leave_when_possible(&printer));
    }

    fn leave_when_possible(&self, printer: &Printer) {
        let (mut state, waited) = self
            .0
            .ended
            .wait_timeout_while(self.state(), NO_WAIT, |state| state.under_way > 0)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            // Not with the state held: the reader of stderr may keep this waiting.
            drop(state);
            printer.say("finishing first; Ctrl-C again leaves at once");
            state = self.state();
        }
        while state.under_way > 0 {
            state = self.0.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.show_input();
        let stored = mem::take(&mut state.stored);
        // Still held by this thread when the process ends: nothing new begins meanwhile.
        mem::forget(state);
        leave(printer, stored, Failure::cancelled());
    }

    /// How many stretches are under way.
    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        self.state().under_way
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With this failure, unless a login may be lost: that is the worse one.
fn leave(printer: &Printer, stored: Stored, failure: Failure) {
    let code = code_of(&stored, failure.kind);
    // The reader of stderr may have stopped without closing it.
    let at_last = move || {
        thread::sleep(TIME_TO_SAY_SO);
        process::exit(code);
    };
    thread::Builder::new().spawn(at_last).ok();
    printer.failure(&stored.report(printer).err().unwrap_or(failure));
    process::exit(code);
}

fn code_of(stored: &Stored, kind: Kind) -> i32 {
    exit_code(if matches!(stored, Stored::Lost(_)) { Kind::Store } else { kind }).into()
}

/// In a thread of its own; in this one, where no more can be had (`ulimit -u`).
fn beside(work: impl Fn() + Clone + Send + 'static) {
    if thread::Builder::new().spawn(work.clone()).is_err() {
        work();
    }
}

/// Not worth a word.
const NO_WAIT: Duration = Duration::from_millis(200);
const TIME_TO_SAY_SO: Duration = Duration::from_millis(500);
/// More than that.
const TIME_TO_LEAVE: Duration = Duration::from_secs(2);

/// Calls the first when a signal asks the program to end, the other when it goes on after a stop.
#[cfg(unix)]
fn on_signal(leave: impl Fn() + Send + 'static, resumed: impl Fn() + Send + 'static) -> bool {
    use signal_hook::{
        consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ},
        flag,
        iterator::Signals,
    };

    let ignored = ignored_signals();
    let is_heard = move |signal: &i32| ignored & (1 << (signal - 1)) == 0;
    // A limit on the size of files is an error of the write, which can be said and mended, not the end of the
    // program with a refresh token spent.
    if is_heard(&SIGXFSZ) {
        flag::register(SIGXFSZ, Arc::default()).ok();
    }
    let heard = [SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter().filter(is_heard);
    let (begun, has_begun) = mpsc::channel();
    let hear = move || {
        let Ok(mut signals) = Signals::new(heard) else { return };
        begun.send(()).ok();
        for signal in signals.forever() {
            if signal == SIGCONT {
                resumed();
            } else {
                leave();
            }
        }
    };
    // Without a thread for it, no signal is caught: each ends the program at once.
    thread::Builder::new().spawn(hear).is_ok() && has_begun.recv().is_ok()
}

#[cfg(not(unix))]
fn on_signal(leave: impl Fn() + Send + 'static, _resumed: impl Fn()) -> bool {
    ctrlc::set_handler(leave).is_ok()
}

/// What was ignored when this was started (by nohup, a script's `&`): bit 0 is signal 1, proc(5). It stays
/// so: `exec` hands that on to the command, a handler it could not. Only Linux says it.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Until this is dropped, what is typed is not shown.
#[derive(Debug)]
pub(crate) struct HiddenInput(Interrupt);

impl Drop for HiddenInput {
    fn drop(&mut self) {
        self.0.state().show_input();
    }
}

/// Until this is dropped, Ctrl-C waits; a second one does not.
#[derive(Debug)]
pub(crate) struct HeldOff(Interrupt);

impl Drop for HeldOff {
    fn drop(&mut self) {
        let mut state = self.0.state();
        let leaving = state.leaving;
        if leaving && state.reports {
            // This thread ends the process: Ctrl-C goes on waiting for that.
            return;
        }
        state.under_way -= 1;
        let code = code_of(&state.stored, Kind::Cancelled);
        drop(state);
        self.0.0.ended.notify_all();
        // What was to be saved is saved. Nothing comes after it: the other thread ends the process, unless it waits
        // for a reader of stderr that has stopped.
        if leaving {
            thread::sleep(TIME_TO_LEAVE);
            process::exit(code);
        }
    }
}

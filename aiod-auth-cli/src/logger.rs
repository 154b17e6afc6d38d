//! What the libraries have to say: warnings always, with `-v` also which requests were made and what
//! came of them. Only this project's own lines, which hold kinds and endpoints: those of other
//! libraries may hold addresses with codes in them.

use aiod_auth_ureq::Event;
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::print::Printer;

#[derive(Debug)]
struct Logger {
    printer: Printer,
    verbose: bool,
}

pub(crate) fn install(printer: &Printer, verbose: bool) {
    // It fails only if there is one already.
    if log::set_boxed_logger(Box::new(Logger { printer: printer.clone(), verbose })).is_ok() {
        log::set_max_level(if verbose { LevelFilter::Debug } else { LevelFilter::Warn });
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("aiod_auth")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let words = record.args().to_string();
        // What happens to a login the command says itself: once, as its answer or its failure.
        let is_event = record.target() == Event::LOG_TARGET;
        if record.level() <= Level::Warn && !is_event {
            self.printer.warn(&words);
        } else if self.verbose {
            self.printer.log(&words);
        }
    }

    fn flush(&self) {}
}

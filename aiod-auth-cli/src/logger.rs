//! What the libraries have to say: warnings always, with `-v` also which requests were made and what
//! came of them. Only this project's own lines, which hold kinds and endpoints: those of other
//! libraries may hold addresses with codes in them.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::print::Printer;

#[derive(Debug)]
struct Logger(Printer);

pub(crate) fn install(printer: &Printer, verbose: bool) {
    // It fails only if there is one already.
    if log::set_boxed_logger(Box::new(Logger(printer.clone()))).is_ok() {
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
        if record.level() <= Level::Warn {
            self.0.warn(&words);
        } else {
            self.0.log(&words);
        }
    }

    fn flush(&self) {}
}

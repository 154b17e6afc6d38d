//! The only place that prints. Answers go to stdout, everything else to stderr.

use std::{
    env,
    fmt::Display,
    io::{self, ErrorKind, Write},
    process::ExitCode,
    time::Duration,
};

use aiod_auth_core::Kind;
use anstyle::{AnsiColor, Color, Style};
use clap::{ColorChoice, error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand};
use serde::Serialize;
use serde_json::json;

use crate::{args::Global, failure::Failure};

use countdown::Countdown;
pub(crate) use words::{WORD_MAX, shortened, without_users};

mod countdown;
mod failure;
mod qr_code;
mod words;

/// Prints for users or for programs, as the global options say.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    json: bool,
    quiet: bool,
    countdown: Countdown,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        // `auto`: on a terminal, unless NO_COLOR is set.
        let color = match global.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        color.write_global();
        Self { json: global.json, quiet: global.quiet, countdown: Countdown::default() }
    }

    /// Says nothing but warnings.
    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self { json: false, quiet: true, countdown: Countdown::default() }
    }

    /// Help or the version, if they were asked for; else what is wrong with the command line.
    pub(crate) fn unread(error: &clap::Error) -> ExitCode {
        if !error.use_stderr() {
            // There is no other place to say that it failed.
            error.print().ok();
            return ExitCode::SUCCESS;
        }
        // Nothing was parsed, so this looks for itself.
        let mut arguments = env::args_os().take_while(|argument| argument != "--");
        let json = arguments.any(|argument| argument == "--json");
        let failure = failure::of_arguments(&error.render().to_string());
        if error.kind() == DisplayHelpOnMissingArgumentOrSubcommand && !json {
            error.print().ok();
            return failure.exit_code();
        }
        let printer = Self { json, quiet: false, countdown: Countdown::default() };
        printer.failure(&failure);
        failure.exit_code()
    }

    /// The answer, as JSON for programs and as it displays itself for users.
    pub(crate) fn answer(&self, answer: &(impl Display + Serialize)) -> Result<(), Failure> {
        if self.json { self.json(answer) } else { self.text(&answer.to_string()) }
    }

    /// A line of JSON on stdout.
    pub(crate) fn json(&self, answer: &impl Serialize) -> Result<(), Failure> {
        self.text(&to_json(answer)?)
    }

    /// A line of JSON on stdout, of no use to the caller unless it is read.
    pub(crate) fn needed_json(&self, answer: &impl Serialize) -> Result<(), Failure> {
        self.needed_text(&to_json(answer)?)
    }

    /// Text on stdout, with a line break at its end; nothing if there is none.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        match to_stdout(text) {
            // The reader has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|error| unwritten(&error)),
        }
    }

    /// Text on stdout, of no use to the caller unless it is read.
    pub(crate) fn needed_text(&self, text: &str) -> Result<(), Failure> {
        to_stdout(text).map_err(|error| unwritten(&error))
    }

    /// Words for a user.
    pub(crate) fn say(&self, words: &str) {
        if !self.quiet && !self.json {
            self.tell(without_users(words));
        }
    }

    /// Words for a user that a login can't do without.
    pub(crate) fn instruct(&self, words: &str) {
        if !self.json {
            self.tell(words);
        }
    }

    /// What a command waits for, for users and in the log of a program.
    pub(crate) fn notice(&self, words: &str) {
        if self.json {
            self.log(words);
        } else {
            self.say(words);
        }
    }

    pub(crate) fn warn(&self, words: &str) {
        let words = shortened(&without_users(words), WORD_MAX);
        if self.json {
            self.tell_json(&json!({ "warning": { "message": words } }));
        } else {
            self.tell(format_args!("{WARNING}warning{WARNING:#}: {words}"));
        }
    }

    pub(crate) fn log(&self, words: &str) {
        let words = without_users(words);
        if self.json {
            self.tell_json(&json!({ "log": { "message": words } }));
        } else {
            self.tell(format_args!("{DIM}{words}{DIM:#}"));
        }
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        self.countdown.end();
        if self.json {
            to_stderr(to_json(&failure::as_json(failure)).unwrap_or_default());
        } else {
            to_stderr(failure::as_text(failure));
        }
    }

    /// A QR code on stderr: black on white, whatever the terminal's own colours are.
    pub(crate) fn qr_code(&self, text: &str) {
        let lines = if qr_code::terminal_has_blocks() {
            qr_code::in_blocks(text)
        } else {
            qr_code::in_letters(text)
        };
        let Some(lines) = lines else {
            return self.warn("the link is too long for a QR code");
        };
        for line in lines {
            to_stderr(format_args!("{PAPER}{line}{PAPER:#}"));
        }
    }

    /// Shows how much time is left, until the next failure or [`end_countdown`](Self::end_countdown).
    pub(crate) fn count_down(&self, time: Duration) {
        if !self.quiet && !self.json {
            self.countdown.start(time);
        }
    }

    pub(crate) fn end_countdown(&self) {
        self.countdown.end();
    }

    fn tell_json(&self, words: &impl Serialize) {
        self.tell(to_json(words).unwrap_or_default());
    }

    /// On stderr, above the countdown.
    fn tell(&self, words: impl Display) {
        self.countdown.suspend(|| to_stderr(words));
    }
}

fn to_json(answer: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string(answer).map(words::escaped_json);
    json.map_err(|_| Failure::new(Kind::Internal, "cannot write JSON"))
}

fn to_stdout(text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}{end}").and_then(|()| stdout.flush())
}

fn unwritten(error: &io::Error) -> Failure {
    Failure::new(Kind::Internal, format!("cannot write to stdout: {error}"))
}

fn to_stderr(words: impl Display) {
    // There is no other place to say that it failed.
    writeln!(anstream::stderr().lock(), "{words}").ok();
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const PAPER: Style =
    AnsiColor::BrightWhite.on_default().bg_color(Some(Color::Ansi(AnsiColor::Black)));

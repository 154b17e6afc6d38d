//! Asks the user in the terminal, where a login can't go on without an answer.

use std::{
    io::{self, IsTerminal as _},
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use aiod_auth_core::{
    BrowserPrompt, Credentials, EmptyPassword, NoAnswer, Password, PasswordQuestion,
    ProviderQuestion, cache::UserQuestion,
};

use zeroize::Zeroizing;

use crate::{context::Context, print::Printer, settings::Settings, terminal};

/// Whether there is a terminal to ask in. A program that reads JSON has none to show.
pub(super) fn has_terminal(context: &Context, settings: &Settings) -> bool {
    !context.global.json && (settings.forces_prompt() || io::stdin().is_terminal())
}

/// Takes addresses from stdin, beside the browser's own way back: until one is this login's.
pub(super) fn take_pasted(printer: &Printer, prompt: Arc<BrowserPrompt>) {
    let for_reader = printer.clone();
    let reads = move || {
        loop {
            // A slip of the clipboard or of the keyboard is one line that is no address, not the last one.
            let is_this_logins = match terminal::read_line_in_foreground().map(Zeroizing::new) {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => prompt.paste(&line),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => false,
                Err(_) => return,
            };
            if is_this_logins {
                return;
            }
            for_reader.warn("that is no address that this login ends at; copy the whole of it");
        }
    };
    if thread::Builder::new().spawn(reads).is_err() {
        printer.warn(&format!("no address can be pasted: {NO_THREAD}"));
    }
}

/// Answers what the login asks.
pub(super) fn answer(context: &Context, settings: &Settings, question: UserQuestion) {
    if !has_terminal(context, settings) {
        return question.give_up(NoAnswer::Impossible(NO_TERMINAL));
    }
    match question {
        UserQuestion::Password(asked) => match credentials(context, asked.question()) {
            Ok(credentials) => asked.answer(credentials),
            Err(why) => asked.give_up(why),
        },
        UserQuestion::Provider(asked) => match provider(context, asked.question()) {
            Ok(place) => asked.answer(place),
            Err(why) => asked.give_up(why),
        },
        other @ (UserQuestion::Listen(_) | UserQuestion::Redirect(_) | _) => {
            other.give_up(NoAnswer::Impossible(NO_TERMINAL));
        }
    }
}

/// A user name and a password.
fn credentials(context: &Context, question: &PasswordQuestion) -> Result<Credentials, NoAnswer> {
    if question.is_retry {
        context.printer.instruct("That was refused. Once more:");
    }
    let end = Instant::now() + question.limit;
    let username = match &question.username {
        Some(username) => username.clone(),
        None => line(context, "User name:", end)?,
    };
    let password = {
        let _hidden = context.interrupt.hide_input();
        context.printer.instruct(&format!("Password of {username} (it isn't shown):"));
        match io::stdin().is_terminal() {
            true => until(end, terminal::read_line)?,
            false => until(end, terminal::read_plain_line)?,
        }
    };
    if password.is_empty() && question.empty == EmptyPassword::Cancels {
        return Err(NoAnswer::Cancelled);
    }
    Ok(Credentials { username, password: Password::new(password) })
}

/// Which of several ways to log in.
fn provider(context: &Context, question: &ProviderQuestion) -> Result<usize, NoAnswer> {
    let end = Instant::now() + question.limit;
    context.printer.instruct("Ways to log in:");
    for (number, name) in (1_usize..).zip(&question.names) {
        context.printer.instruct(&format!("{number}  {name}"));
    }
    loop {
        let typed = line(context, "Which one (its number)?", end)?;
        let place = typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match place.filter(|place| *place < question.names.len()) {
            Some(place) => return Ok(place),
            None => context.printer.instruct("There is no such number."),
        }
    }
}

/// What is typed; nothing cancels.
fn line(context: &Context, question: &str, end: Instant) -> Result<String, NoAnswer> {
    context.printer.instruct(question);
    let typed = until(end, terminal::read_plain_line)?;
    match typed.trim() {
        "" => Err(NoAnswer::Cancelled),
        typed => Ok(typed.to_owned()),
    }
}

/// What is read until then. A read of standard input can't be ended: it is left to a thread, which ends with the
/// program.
fn until(end: Instant, read: fn() -> io::Result<String>) -> Result<String, NoAnswer> {
    let (sender, receiver) = mpsc::channel();
    let reads = move || sender.send(read());
    thread::Builder::new().spawn(reads).map_err(|_| NoAnswer::Impossible(NO_THREAD))?;
    match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
        Ok(outcome) => outcome.map_err(|error| match error.kind() == io::ErrorKind::InvalidData {
            true => NoAnswer::Impossible("what was typed is not UTF-8"),
            false => NoAnswer::Cancelled,
        }),
        Err(_) => Err(NoAnswer::OutOfTime),
    }
}

const NO_THREAD: &str = "no thread can be started to read what is typed (see `ulimit -u`)";
pub(super) const NO_TERMINAL: &str =
    "this login asks for an answer, and there is no terminal to ask in";

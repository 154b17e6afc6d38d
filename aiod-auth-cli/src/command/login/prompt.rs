//! What the user has to do, in the ways that can be said.

use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
};

use aiod_auth_core::{BrowserPrompt, Prompt, flow::DevicePrompt};
use serde::Serialize;

use super::{browser, question};
use crate::{
    args,
    context::Context,
    failure::Failure,
    print::{Printer, WORD_MAX, shortened},
};

/// It fails if a program that was to be told has stopped reading: what wasn't shown can't be approved.
pub(super) fn show(
    context: &Context,
    options: &args::Login,
    secret_variables: &[String],
    prompt: &Prompt,
) -> Result<(), Failure> {
    match prompt {
        Prompt::DeviceCode(prompt) => show_device_code(context, options, secret_variables, prompt),
        Prompt::Browser(prompt) => show_page(context, options, secret_variables, prompt),
        Prompt::Confirmation(words) => {
            context.printer.end_countdown();
            context.printer.say(&shortened(words, WORD_MAX));
            Ok(())
        }
        other => {
            context.printer.instruct(&other.to_string());
            Ok(())
        }
    }
}

#[derive(Serialize)]
struct PageEvent<'a> {
    event: &'static str,
    authorization_url: &'a str,
    redirect_uri: &'a str,
}

/// The address is shown as it is: one that is cut can't be opened.
fn show_page(
    context: &Context,
    options: &args::Login,
    secret_variables: &[String],
    prompt: &Arc<BrowserPrompt>,
) -> Result<(), Failure> {
    let (printer, page) = (&context.printer, prompt.authorization_url().as_str());
    if context.global.json {
        printer.needed_json(&PageEvent {
            event: "prompt",
            authorization_url: page,
            redirect_uri: prompt.redirect_uri(),
        })?;
    }
    if let Some(reason) = prompt.chosen_because() {
        printer.notice(&format!("logging in with the browser: {reason}"));
    }
    printer.instruct(&format!("{prompt}\n"));
    if options.qr {
        printer.qr_code(page);
    }
    let how_to_paste = format!(
        "If your browser is on another machine, it ends at a page that it can't load: copy that page's \
         address, {}?..., and paste it here, then press Enter.\n",
        prompt.redirect_uri()
    );
    let is_opened = !options.no_browser
        && !context.global.json
        && browser::open(page, secret_variables, not_opened(printer, page, &how_to_paste));
    if options.no_browser || !context.global.json && io::stdin().is_terminal() {
        if !is_opened {
            printer.instruct(&how_to_paste);
        }
        question::take_pasted(printer, Arc::clone(prompt));
    }
    printer.count_down(prompt.expires_in());
    Ok(())
}

/// Says what the user can do then.
fn not_opened(printer: &Printer, page: &str, then: &str) -> impl FnOnce() + Send + 'static {
    let words = format!(
        "No browser could be opened. Open this page in one yourself:\n\n    {page}\n\n{then}"
    );
    let printer = printer.clone();
    move || printer.instruct(words.trim_end())
}

#[derive(Serialize)]
struct Event<'a> {
    event: &'static str,
    verification_uri: &'a str,
    verification_uri_complete: Option<&'a str>,
    user_code: &'a str,
    expires_in: Option<u64>,
    interval: u64,
}

fn show_device_code(
    context: &Context,
    options: &args::Login,
    secret_variables: &[String],
    prompt: &DevicePrompt,
) -> Result<(), Failure> {
    let printer = &context.printer;
    let prompt = &without_overlong_link(prompt);
    if context.global.json {
        printer.needed_json(&Event {
            event: "prompt",
            verification_uri: &shortened(prompt.verification_uri.as_str(), ADDRESS_MAX),
            verification_uri_complete: prompt.verification_uri_complete.as_ref().map(AsRef::as_ref),
            user_code: &prompt.user_code,
            expires_in: prompt.expires_in.map(|time| time.as_secs()),
            interval: prompt.interval.as_secs(),
        })?;
    }
    printer.instruct(&shortened(&format!("{prompt}\n"), ADDRESS_MAX));
    if options.qr {
        printer.qr_code(prompt.page().as_str());
    }
    if !options.no_browser && !context.global.json {
        let page = prompt.page().as_str();
        browser::open(page, secret_variables, not_opened(printer, page, ""));
    }
    printer.count_down(prompt.expires_in.unwrap_or(options.timeout).min(options.timeout));
    Ok(())
}

/// A link that no terminal shows and no browser opens is of no use; the user can enter the code.
fn without_overlong_link(prompt: &DevicePrompt) -> DevicePrompt {
    let mut prompt = prompt.clone();
    prompt.verification_uri_complete =
        prompt.verification_uri_complete.filter(|link| link.as_str().len() <= ADDRESS_MAX);
    prompt
}

/// As much as every browser takes.
const ADDRESS_MAX: usize = 2000;

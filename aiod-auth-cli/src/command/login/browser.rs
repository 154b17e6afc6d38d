//! Opens the page, where somebody sits who can see it.

use std::{
    env,
    io::{self, IsTerminal},
    path::Path,
    thread,
};

/// Opens a page if there is a display and a terminal. The link has been shown already, so it is no
/// failure if that doesn't work. The browser gets none of these environment variables.
pub(super) fn open(page: &str, secret_variables: &[String]) {
    let is_web_page = page.starts_with("https://") || page.starts_with("http://");
    if is_web_page && has_terminal() && has_display() && !prefers_text() {
        let (page, secret_variables) = (page.to_owned(), secret_variables.to_owned());
        // Some browsers' launchers come back late, and the polling has to go on.
        thread::spawn(move || launch(&page, &secret_variables));
    }
}

/// Not with the crate `webbrowser`: it hands on the whole environment, and stdout to some browsers.
#[cfg(not(any(target_os = "macos", windows)))]
fn launch(page: &str, secret_variables: &[String]) {
    use std::process::{Command, Stdio};

    let mut command = Command::new("xdg-open");
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for variable in secret_variables {
        command.env_remove(variable);
    }
    // There may be none, and the link has been shown.
    command.status().ok();
}

/// The system starts the browser here, not this process.
#[cfg(any(target_os = "macos", windows))]
fn launch(page: &str, _: &[String]) {
    webbrowser::open(page).ok();
}

fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// A display that belongs to the person: not one at the other end of ssh.
fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let always = cfg!(any(target_os = "macos", windows));
    !is_set("SSH_CONNECTION") && (always || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"))
}

/// Whether the person's browser would need this terminal.
fn prefers_text() -> bool {
    is_text_browser(&env::var("BROWSER").unwrap_or_default())
}

/// `$BROWSER` is a list with colons, of commands that may have arguments.
fn is_text_browser(browsers: &str) -> bool {
    let names = browsers
        .split(':')
        .filter_map(|command| Path::new(command.split_whitespace().next()?).file_name()?.to_str());
    names.into_iter().any(|name| TEXT_BROWSERS.contains(&name))
}

const TEXT_BROWSERS: [&str; 5] = ["lynx", "w3m", "links", "elinks", "www-browser"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_browsers_are_known_by_name() {
        for (browsers, expected) in [
            ("", false),
            ("firefox", false),
            ("w3m", true),
            ("/usr/bin/lynx %s", true),
            ("firefox:links", true),
        ] {
            assert_eq!(is_text_browser(browsers), expected, "{browsers}");
        }
    }
}

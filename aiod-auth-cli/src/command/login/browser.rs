//! Opens the page, where somebody sits who can see it.

use std::{
    env,
    io::{self, IsTerminal},
    thread,
};

/// Opens a page if there is a display and a terminal. The link has been shown already, so it is no
/// failure if that doesn't work.
pub(super) fn open(page: &str) {
    let is_web_page = page.starts_with("https://") || page.starts_with("http://");
    if is_web_page && has_terminal() && has_display() {
        let page = page.to_owned();
        // Some browsers' launchers come back late, and the polling has to go on.
        thread::spawn(move || webbrowser::open(&page));
    }
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

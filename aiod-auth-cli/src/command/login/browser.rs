//! Opens the page, where a user sits who can see it.

use std::{
    env, fs,
    io::{self, IsTerminal},
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// How a page is opened here.
#[derive(Debug, PartialEq, Eq)]
enum Opener {
    /// With one of these commands, each with its arguments, as `$BROWSER` has them.
    Named(Vec<Vec<String>>),
    /// On the desktop that this program runs on.
    Desktop,
    /// On the Windows around this Linux.
    Windows,
}

/// Opens a page if there is a terminal, and a browser that needs no other one. The browser gets none of these
/// environment variables. Returns whether there is one to try; where that doesn't work, `failed` says so.
pub(super) fn open(
    page: &str,
    secret_variables: &[String],
    failed: impl FnOnce() + Send + 'static,
) -> bool {
    let is_web_page = page.starts_with("https://") || page.starts_with("http://");
    if !is_web_page || !has_terminal() {
        return false;
    }
    let Some(opener) = opener(|name| env::var(name).ok(), is_wsl()) else { return false };
    let (page, secret_variables) = (page.to_owned(), secret_variables.to_owned());
    // Some browsers' launchers come back late, and the login has to go on.
    let opens = move || {
        if !launch(&opener, &page, &secret_variables) {
            failed();
        }
    };
    thread::Builder::new().spawn(opens).is_ok()
}

/// Whether the user could be shown a page.
pub(super) fn is_there() -> bool {
    opener(|name| env::var(name).ok(), is_wsl()).is_some()
}

fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// `BROWSER` counts as a display, at the other end of ssh, too: it is how a remote terminal reaches the
/// user's own browser. A display counts where it belongs to the user.
fn opener(variable: impl Fn(&str) -> Option<String>, is_wsl: bool) -> Option<Opener> {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(browsers) = variable("BROWSER") {
        let commands = commands(&browsers);
        // One of them would need this terminal.
        let is_text = commands.iter().any(|command| is_text_browser(command));
        return (!is_text && !commands.is_empty()).then_some(Opener::Named(commands));
    }
    if variable("SSH_CONNECTION").is_some() {
        return None;
    }
    let always = cfg!(any(target_os = "macos", windows));
    if always || variable("DISPLAY").or_else(|| variable("WAYLAND_DISPLAY")).is_some() {
        return Some(Opener::Desktop);
    }
    is_wsl.then_some(Opener::Windows)
}

/// A list with colons, of commands that may have arguments.
fn commands(browsers: &str) -> Vec<Vec<String>> {
    let words = |command: &str| command.split_whitespace().map(Into::into).collect::<Vec<_>>();
    browsers.split(':').map(words).filter(|command| !command.is_empty()).collect()
}

fn is_text_browser(command: &[String]) -> bool {
    let name = command.first().and_then(|program| Path::new(program).file_name()?.to_str());
    name.is_some_and(|name| TEXT_BROWSERS.contains(&name))
}

const TEXT_BROWSERS: [&str; 6] = ["lynx", "w3m", "links", "links2", "elinks", "www-browser"];

/// Linux on Windows, with Microsoft's own kernel: its programs can be started from there.
fn is_wsl() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.to_ascii_lowercase().contains("microsoft")
}

/// Whether one of them did it.
fn launch(opener: &Opener, page: &str, secret_variables: &[String]) -> bool {
    let start = |command: &[String]| start(command, page, secret_variables);
    let named =
        |program: &[&str]| start(&program.iter().map(ToString::to_string).collect::<Vec<_>>());
    match opener {
        Opener::Named(commands) => commands.iter().any(|command| start(command)),
        Opener::Windows => named(&["wslview"]) || named(&[RUNDLL, "url.dll,FileProtocolHandler"]),
        Opener::Desktop => on_desktop(page, named),
    }
}

const RUNDLL: &str = "/mnt/c/Windows/System32/rundll32.exe";

/// Whether the command could be started and did well. Where it has no `%s` the page is its last argument.
fn start(command: &[String], page: &str, secret_variables: &[String]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.args(arguments.iter().map(|argument| argument.replace("%s", page)));
    if !arguments.iter().any(|argument| argument.contains("%s")) {
        command.arg(page);
    }
    for variable in secret_variables {
        command.env_remove(variable);
    }
    command.status().is_ok_and(|status| status.success())
}

/// Not with the crate `webbrowser`: it hands on the whole environment, and stdout to some browsers.
#[cfg(not(any(target_os = "macos", windows)))]
fn on_desktop(_: &str, start: impl Fn(&[&str]) -> bool) -> bool {
    start(&["xdg-open"])
}

/// The system starts the browser here, not this process.
#[cfg(any(target_os = "macos", windows))]
fn on_desktop(page: &str, _: impl Fn(&[&str]) -> bool) -> bool {
    webbrowser::open(page).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], is_wsl: bool, expected: Option<&Opener>) {
        let value = |name: &str| {
            let variable = variables.iter().find(|(known, _)| *known == name)?;
            Some(variable.1.to_owned())
        };
        assert_eq!(opener(value, is_wsl).as_ref(), expected, "{variables:?} {is_wsl}");
    }

    #[test]
    #[cfg(not(any(target_os = "macos", windows)))]
    fn the_browser_that_the_user_sees() {
        let named = |commands: &[&[&str]]| {
            let words = |command: &&[&str]| command.iter().map(ToString::to_string).collect();
            Opener::Named(commands.iter().map(words).collect())
        };
        let ssh = ("SSH_CONNECTION", "192.0.2.1");
        let display = ("DISPLAY", ":0");
        check(&[], false, None);
        check(&[display], false, Some(&Opener::Desktop));
        check(&[("WAYLAND_DISPLAY", "wayland-0")], false, Some(&Opener::Desktop));
        check(&[("DISPLAY", "")], false, None);
        check(&[display, ssh], false, None);
        let helper = ("BROWSER", "/opt/helper.sh");
        check(&[helper], false, Some(&named(&[&["/opt/helper.sh"]])));
        check(&[helper, ssh], false, Some(&named(&[&["/opt/helper.sh"]])));
        let two = ("BROWSER", "firefox -new-tab %s:chromium");
        check(&[two], false, Some(&named(&[&["firefox", "-new-tab", "%s"], &["chromium"]])));
        for text in ["w3m", "/usr/bin/lynx %s", "firefox:links", ":"] {
            check(&[("BROWSER", text), display], false, None);
        }
        check(&[], true, Some(&Opener::Windows));
        check(&[display], true, Some(&Opener::Desktop));
        check(&[ssh], true, None);
    }

    #[test]
    #[cfg(unix)]
    fn a_browser_is_shown_the_page_where_it_wants_it() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said").display().to_string();
        let script = format!("echo \"$0 $1 $2\" >{said}");
        let command = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let page = "https://as.example/device?a=1&b=$(id)";
        assert!(start(&command(&["sh", "-c", &script, "a", "x=%s"]), page, &[]));
        assert_eq!(fs::read_to_string(&said).unwrap(), format!("a x={page} \n"));
        assert!(start(&command(&["sh", "-c", &script, "a"]), page, &[]));
        assert_eq!(fs::read_to_string(&said).unwrap(), format!("a {page} \n"));
        assert!(!start(&command(&["false"]), page, &[]));
        assert!(!start(&command(&["/no/such/browser"]), page, &[]));
    }
}

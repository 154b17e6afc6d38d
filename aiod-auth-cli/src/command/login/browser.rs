//! Opens the page, where a user sits who can see it.

use std::{
    env,
    io::{self, IsTerminal},
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// How a page is opened here.
#[derive(Debug, PartialEq, Eq)]
enum Opener {
    /// With the first of these commands that does it, each with its arguments, as `$BROWSER` has them.
    Commands(Vec<Vec<String>>),
    /// By the system that this program runs on: macOS, Windows.
    System,
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
    let Some(opener) = opener(|name| env::var(name).ok()) else { return false };
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
    opener(|name| env::var(name).ok()).is_some()
}

fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// `BROWSER` counts as a display, at the other end of ssh, too: it is how a remote terminal reaches the
/// user's own browser. A display counts where it belongs to the user; so does the Windows around this Linux (WSL), whose
/// programs can be started from here.
fn opener(variable: impl Fn(&str) -> Option<String>) -> Option<Opener> {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    let named = commands(&variable("BROWSER").unwrap_or_default());
    if !named.is_empty() {
        // Such a one would need this terminal, where the login goes on.
        let graphical = named.into_iter().filter(|command| !is_text_browser(command));
        return Some(graphical.collect())
            .filter(|it: &Vec<_>| !it.is_empty())
            .map(Opener::Commands);
    }
    if is_set("SSH_CONNECTION") {
        return None;
    }
    if cfg!(any(target_os = "macos", windows)) {
        return Some(Opener::System);
    }
    let is_desktop = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    let desktop: &[&[&str]] = if is_desktop { &[&["xdg-open"]] } else { &[] };
    // With a desktop, too: many have no browser there.
    let windows: &[&[&str]] = if is_set("WSL_DISTRO_NAME") { &WINDOWS } else { &[] };
    let words = |command: &[&str]| command.iter().map(ToString::to_string).collect();
    let commands: Vec<_> = desktop.iter().chain(windows).copied().map(words).collect();
    (!commands.is_empty()).then_some(Opener::Commands(commands))
}

/// A list of commands that may have arguments, with colons between them; on Windows, where a path has those, with
/// semicolons. Python's `webbrowser` takes a `&` at the end for "in the background", where it is in any case.
fn commands(browsers: &str) -> Vec<Vec<String>> {
    let words = |command: &str| {
        let command = command.trim().trim_end_matches('&');
        command.split_whitespace().map(Into::into).collect::<Vec<_>>()
    };
    let separator = if cfg!(windows) { ';' } else { ':' };
    browsers.split(separator).map(words).filter(|command| !command.is_empty()).collect()
}

fn is_text_browser(command: &[String]) -> bool {
    let name = command.first().and_then(|program| Path::new(program).file_name()?.to_str());
    name.is_some_and(|name| TEXT_BROWSERS.contains(&name))
}

const TEXT_BROWSERS: [&str; 6] = ["lynx", "w3m", "links", "links2", "elinks", "www-browser"];

/// Where Windows' drives are elsewhere, or not in the path, one of the two works. (`explorer.exe` opens a folder for an
/// address with a query, and a shell would have to be told what to quote.)
const WINDOWS: [&[&str]; 3] = [
    &["wslview"],
    &["/mnt/c/Windows/System32/rundll32.exe", "url.dll,FileProtocolHandler"],
    &["rundll32.exe", "url.dll,FileProtocolHandler"],
];

/// Whether one of them did it.
fn launch(opener: &Opener, page: &str, secret_variables: &[String]) -> bool {
    match opener {
        Opener::Commands(commands) => {
            commands.iter().any(|command| start(command, page, secret_variables))
        }
        Opener::System => by_system(page),
    }
}

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

/// The system starts the browser there, not this process. (Elsewhere the crate hands on the whole environment, and
/// stdout to some browsers.)
#[cfg(any(target_os = "macos", windows))]
fn by_system(page: &str) -> bool {
    webbrowser::open(page).is_ok()
}

#[cfg(not(any(target_os = "macos", windows)))]
const fn by_system(_: &str) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The commands, in the order in which they are tried, as they would be typed.
    #[cfg(not(any(target_os = "macos", windows)))]
    fn tried(variables: &[(&str, &str)]) -> Vec<String> {
        let value = |name: &str| {
            let variable = variables.iter().find(|(known, _)| *known == name)?;
            Some(variable.1.to_owned())
        };
        match opener(value) {
            None => Vec::new(),
            Some(Opener::Commands(commands)) => {
                assert!(!commands.is_empty(), "{variables:?}");
                commands.iter().map(|command| command.join(" ")).collect()
            }
            Some(Opener::System) => panic!("{variables:?}"),
        }
    }

    #[test]
    #[cfg(not(any(target_os = "macos", windows)))]
    fn the_browser_that_the_user_sees() {
        let ssh = ("SSH_CONNECTION", "192.0.2.1");
        let display = ("DISPLAY", ":0");
        let wsl = ("WSL_DISTRO_NAME", "Ubuntu");
        let nothing: [&str; 0] = [];
        assert_eq!(tried(&[]), nothing);
        assert_eq!(tried(&[display]), ["xdg-open"]);
        assert_eq!(tried(&[("WAYLAND_DISPLAY", "wayland-0")]), ["xdg-open"]);
        assert_eq!(tried(&[("DISPLAY", "")]), nothing);
        assert_eq!(tried(&[display, ssh]), nothing);
        for (browser, expected) in [
            ("/opt/helper.sh", &["/opt/helper.sh"][..]),
            ("firefox -new-tab %s:chromium", &["firefox -new-tab %s", "chromium"]),
            (" : firefox ::chromium: ", &["firefox", "chromium"]),
            ("firefox %s &", &["firefox %s"]),
            // Text browsers would need this terminal.
            ("firefox:links", &["firefox"]),
            ("w3m:/usr/bin/lynx %s:firefox", &["firefox"]),
            ("w3m", &[]),
            ("/usr/bin/lynx %s", &[]),
        ] {
            assert_eq!(tried(&[("BROWSER", browser)]), expected, "{browser}");
            assert_eq!(tried(&[("BROWSER", browser), display, ssh, wsl]), expected, "{browser}");
        }
        // One that names none is none.
        for blank in ["", " ", ":", " : "] {
            assert_eq!(tried(&[("BROWSER", blank), display]), ["xdg-open"], "{blank:?}");
        }
        let windows = tried(&[wsl]);
        assert_eq!(windows.first().unwrap(), "wslview");
        assert!(windows.iter().any(|it| it.contains("rundll32.exe")), "{windows:?}");
        assert_eq!(tried(&[display, wsl]), [&["xdg-open".to_owned()], &windows[..]].concat());
        assert_eq!(tried(&[wsl, ssh]), nothing);
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

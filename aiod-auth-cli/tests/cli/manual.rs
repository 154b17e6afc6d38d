//! What the command says of itself: completions and manual pages.

use std::fs;

use crate::world::World;

#[test]
fn completions_for_every_shell() {
    let world = World::new();
    for (shell, sign) in [
        ("bash", "complete -F _aiod"),
        ("zsh", "#compdef aiod-auth"),
        ("fish", "complete -c aiod-auth"),
        ("elvish", "edit:completion:arg-completer[aiod-auth]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ran = world.run(&format!("completions {shell}"));
        assert!(ran.ended(0).stdout.contains(sign), "{shell}: {}", ran.stdout);
        assert!(ran.stdout.contains("force-refresh") && ran.stderr.is_empty(), "{shell}");
        // git's operation is for git alone.
        assert!(!ran.stdout.contains("OPERATION"), "{shell}");
    }
    world.run("completions csh").failed(2, "csh");
    world.run("completions bash --json").failed_as(2, "usage");
}

/// Text, or one of the requests of man(7) that are all that the pages need.
fn check_page(page: &str) {
    assert!(page.is_ascii(), "groff reads no UTF-8 by itself: {page}");
    let known = ["TH", "SH", "SS", "TP", "RS", "RE", "br", "ie", "el", "PP", "IP"];
    for line in page.lines() {
        let request = line.strip_prefix('.').and_then(|rest| rest.split(' ').next());
        assert!(request.is_none_or(|request| known.contains(&request)), "{line}");
    }
    for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
        assert!(page.contains(&format!(".SH {section}\n")), "{section}: {page}");
    }
}

#[test]
fn a_manual_page_for_each_command() {
    let world = World::new();
    let ran = world.run("man");
    check_page(&ran.ended(0).stdout);
    assert!(ran.stdout.contains(r"aiod\-auth\-login(1)"), "{ran:?}");
    world.run("man --json").failed_as(2, "usage");

    assert_eq!(world.run("man pages/man1").ended(0).stdout, "");
    let entries = fs::read_dir(world.path("pages/man1")).unwrap();
    let pages: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    for path in &pages {
        check_page(&fs::read_to_string(path).unwrap());
    }
    for name in ["", "-login", "-token", "-export", "-import", "-profile-set", "-man"] {
        let page = world.path(&format!("pages/man1/aiod-auth{name}.1"));
        assert!(pages.contains(&page), "{pages:?}");
    }
    world.run("man config.toml").failed(2, "cannot write to config.toml");
}

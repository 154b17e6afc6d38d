//! A real Chromium with a user in front of it: `tests/live/chromium.py`.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aiod_auth_tests::watchdog::end_of;
use serde_json::Value;
use tempfile::TempDir;

/// One visit to a login, with a browser of its own.
pub(crate) struct Chromium {
    folder: TempDir,
    consent: &'static str,
}

impl Chromium {
    /// Alice logs in and says yes.
    pub(crate) fn says_yes() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), consent: "yes" }
    }

    /// Alice logs in and says no.
    pub(crate) fn says_no() -> Self {
        Self { consent: "no", ..Self::says_yes() }
    }

    /// What has to be in the environment of a command that opens it by itself.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let seen = self.folder.path().join("seen");
        [
            ("BROWSER", &script()[..]),
            ("CHROMIUM_USER", "alice"),
            ("CHROMIUM_PASSWORD", "alice-password"),
            ("CHROMIUM_CONSENT", self.consent),
            ("CHROMIUM_SEEN", seen.to_str().unwrap()),
            ("PATH", &env::var("PATH").unwrap()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Opens this page, and comes back with what is to be seen in the end.
    #[track_caller]
    pub(crate) fn opens(&self, page: &str) -> Value {
        let mut browser = Command::new(script());
        browser.arg(page).env_clear().env("HOME", self.folder.path()).envs(self.variables());
        browser.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let output = end_of(browser.spawn().unwrap());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.seen()
    }

    /// The title, the text, the number of scripts, … of the last page, once it is there.
    #[track_caller]
    pub(crate) fn seen(&self) -> Value {
        let file = self.folder.path().join("seen");
        let started = Instant::now();
        while !file.exists() {
            assert!(started.elapsed() < Duration::from_secs(60), "the browser shows nothing");
            thread::sleep(Duration::from_millis(50));
        }
        serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap()
    }

    /// A picture of it.
    pub(crate) fn picture(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("seen.png")).unwrap()
    }
}

fn script() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.join("live/chromium.py").to_str().unwrap().to_owned()
}

/// What it saw is the page of a login that worked, and nothing from elsewhere.
#[track_caller]
pub(crate) fn assert_it_worked(seen: &Value) {
    assert_eq!(seen["title"], "It worked: you approved the login", "{seen}");
    assert_eq!(seen["status"], 200);
    assert!(seen["text"].as_str().unwrap().contains("You can close this page"), "{seen}");
    assert_eq!(seen["scripts"], 0);
    // Nothing from elsewhere: only Keycloak, and the page itself.
    let asked_for = seen["asked_for"].as_array().unwrap();
    let base = super::keycloak::base();
    let others = asked_for.iter().filter(|url| !url.as_str().unwrap().starts_with(&base));
    let others: Vec<_> = others.filter_map(|url| url.as_str()).collect();
    let address = seen["address"].as_str().unwrap();
    assert!(!others.is_empty(), "{seen}");
    for url in others {
        let is_icon = url.ends_with("/favicon.ico");
        assert!(
            url.starts_with("http://127.0.0.1:") && (is_icon || url.ends_with(address)),
            "{url}"
        );
    }
}

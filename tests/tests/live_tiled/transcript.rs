//! The transcript in `docs/tiled.md`: each command is run, and what it says stands there. What is another one
//! each time (addresses, times, keys) is put as the page has it.

use std::{env, fs, path::Path};

use super::{Place, ran};

/// What is run, in this order, and what is typed.
const COMMANDS: [(&str, &str); 11] = [
    ("login", "alice\nalice-password\n"),
    ("status", ""),
    ("whoami", ""),
    ("token --format json", ""),
    ("refresh", ""),
    ("api-key create --expires-in 7d --note backup --scope read:metadata", ""),
    ("api-key list", ""),
    ("logout", ""),
    ("KEY api-key which", ""),
    ("KEY token --format header", ""),
    ("logout", ""),
];

const BEGINS: &str = "<!-- The transcript: tests/live/tiled.sh writes it. -->\n```console\n";
const ENDS: &str = "```\n<!-- The end of the transcript. -->";

pub(super) fn check(place: &Place) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tiled.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGINS).unwrap();
    let (written, after) = rest.split_once(ENDS).unwrap();
    let transcript = transcript(place);
    if env::var_os("WRITE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGINS}{transcript}{ENDS}{after}")).unwrap();
        return;
    }
    assert_eq!(written, transcript, "WRITE_DOCS=1 tests/live/tiled.sh writes it anew");
}

fn transcript(place: &Place) -> String {
    let (mut transcript, mut key) = (String::new(), String::new());
    for (line, typed) in COMMANDS {
        let (line, variable) = match line.strip_prefix("KEY ") {
            Some(line) => (line, "TILED_API_KEY=3c1475a9… "),
            None => (line, ""),
        };
        let mut command = place.command(line);
        if !typed.is_empty() {
            command.env("TILED_FORCE_PROMPT", "1");
        }
        if !variable.is_empty() {
            command.env("TILED_API_KEY", &key);
        }
        let ran = ran(&mut command, typed);
        if line.starts_with("api-key create") {
            ran.stdout.trim_end().clone_into(&mut key);
        }
        let said = as_documented(place, &format!("{}{}", ran.stderr, ran.stdout), &key);
        transcript +=
            &format!("$ {variable}aiod-auth --api https://tiled.example.org {line}\n{said}");
    }
    transcript
}

/// Word by word.
fn as_documented(place: &Place, said: &str, key: &str) -> String {
    let folder = place.folder.path().display().to_string();
    let quoted = place.url.replace(':', "%3A").replace('/', "%2F");
    let mut said = said
        .replace(&format!("{folder}/cache"), "/home/alice/.cache/tiled")
        .replace(&place.url, "https://tiled.example.org")
        .replace(&quoted, "https%3A%2F%2Ftiled.example.org");
    if !key.is_empty() {
        said = said.replace(key, "3c1475a9…").replace(&key[..8], "3c1475a9");
    }
    let words = said.split_inclusive([' ', '\n', ',', '"']).map(|word| {
        let plain = word.trim_end_matches([' ', '\n', ',', '"', '.']);
        let rest = &word[plain.len()..];
        let is_time = plain.len() == 20 && plain.ends_with('Z') && plain.starts_with("20");
        let is_id = plain.len() == 36 && plain.matches('-').count() == 4;
        match () {
            () if is_time => format!("2026-12-01T12:00:00Z{rest}"),
            () if is_id => format!("15ef3c38-5cd6-44b7-865f-651676a10a1b{rest}"),
            () if plain.starts_with("eyJ") => format!("eyJhbGciOi…{rest}"),
            () => word.to_owned(),
        }
    });
    words.collect()
}

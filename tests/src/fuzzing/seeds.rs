//! Seeds for the fuzz targets, made from the recorded answers of real servers, so that these are kept
//! only once.

use std::{fs, io, path::Path};

use serde_json::Value;

/// One recorded answer, for one target.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Whose it is.
    pub target: String,
    /// `keycloak-poll_pending`.
    pub name: String,
    /// What the target reads.
    pub content: String,
}

/// A seed for each recorded answer that a machine reads, and one more for each header field in it that
/// has a target.
///
/// # Errors
/// A line of `tests/recorded/outcomes.txt` is not understood, or its answer can't be read, or no fuzz
/// target reads such an answer.
pub fn recorded_seeds() -> io::Result<Vec<Seed>> {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded");
    let mut seeds = Vec::new();
    for line in fs::read_to_string(recorded.join("outcomes.txt"))?.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // `server/situation`, the machine that reads it and the outcome; or why no machine does.
        let mut words = line.split_whitespace();
        let (Some(name), Some(reader)) = (words.next(), words.next()) else {
            return Err(io::Error::other(format!("no reader: {line}")));
        };
        if line.contains(" later: ") || line.contains(" not ours: ") {
            continue;
        }
        let answer = fs::read_to_string(recorded.join(format!("{name}.json")))?;
        let content = seed(&serde_json::from_str(&answer).map_err(io::Error::other)?);
        if content.len() > BYTES_MAX {
            return Err(io::Error::other(format!("{name} is too long for a fuzzer")));
        }
        let name = name.replace('/', "-");
        let seed = |target| Seed { target, name: name.clone(), content: content.clone() };
        seeds.push(seed(target(reader)?));
        seeds.extend(fields(&content).map(|target| seed(target.to_owned())));
    }
    Ok(seeds)
}

/// As `fuzzing`'s messages are written, from the server that the harness knows.
fn seed(answer: &Value) -> String {
    let mut seed = format!("HTTP/1.1 {}\n", answer["status"]);
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let values = value.as_array().map_or_else(|| vec![value], |values| values.iter().collect());
        if READ.contains(&name.to_ascii_lowercase().as_str()) {
            for value in values.into_iter().filter_map(Value::as_str) {
                seed.push_str(&format!("{name}: {value}\n"));
            }
        }
    }
    seed.push('\n');
    let body = answer["body"].as_str().unwrap_or_default();
    let issuer = serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|document| document.get("issuer")?.as_str().map(str::to_owned));
    match issuer {
        Some(issuer) => seed.push_str(&body.replace(&issuer, super::ISSUER)),
        None => seed.push_str(body),
    }
    seed
}

/// The target that reads what this reader does: `metadata_answer` what `Metadata` does, and so on.
fn target(reader: &str) -> io::Result<String> {
    // One target has all of Tiled's machines.
    let reader = if reader.starts_with("Tiled") { "Tiled" } else { reader };
    let shared = SHARED.iter().find(|(known, _)| *known == reader);
    let name = shared.map_or_else(|| reader.to_lowercase(), |(_, name)| (*name).to_owned());
    let target = format!("{name}_answer");
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    if targets.join(&target).with_extension("rs").is_file() {
        return Ok(target);
    }
    Err(io::Error::other(format!("no fuzz target reads what {reader} reads")))
}

/// Readers whose answers the target of another one reads, too.
const SHARED: [(&str, &str); 4] = [
    ("ClientCredentials", "token"),
    ("EndSession", "revocation"),
    ("Poll", "token"),
    ("Refresh", "token"),
];

/// The targets that read a field of the head.
fn fields(seed: &str) -> impl Iterator<Item = &'static str> {
    let head = seed.split("\n\n").next().unwrap_or_default().to_ascii_lowercase();
    let fields = [("\nwww-authenticate:", "www_authenticate"), ("\nretry-after:", "retry_after")];
    fields.into_iter().filter(move |(field, _)| head.contains(field)).map(|(_, target)| target)
}

/// The header fields that the crates read.
const READ: [&str; 5] = ["content-type", "date", "location", "retry-after", "www-authenticate"];

/// A fuzzer changes every byte of a seed, and has little time.
const BYTES_MAX: usize = 10_000;

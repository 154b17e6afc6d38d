//! Makes seeds for the fuzz targets of the recorded answers of real servers, so that nobody has to
//! keep them twice: `cargo run --bin fuzz_seeds -- target/fuzz-seeds`.

use std::{error::Error, fs, path::Path};

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let to = std::env::args_os().nth(1).ok_or("say where to")?;
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded");
    // Each line: `server/situation`, and who reads it.
    for line in fs::read_to_string(recorded.join("outcomes.txt"))?.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(reader)) = (words.next(), words.next()) else { continue };
        if !name.contains('/') || name.starts_with('#') {
            continue;
        }
        let answer = fs::read_to_string(recorded.join(format!("{name}.json")))?;
        let seed = seed(&serde_json::from_str(&answer)?);
        if seed.len() > BYTES_MAX {
            continue;
        }
        for target in targets(reader, &seed) {
            let folder = Path::new(&to).join(target);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(name.replace('/', "-")), &seed)?;
        }
    }
    Ok(())
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
        Some(issuer) => seed.push_str(&body.replace(&issuer, "http://127.0.0.1")),
        None => seed.push_str(body),
    }
    seed
}

/// Who reads such an answer.
fn targets(reader: &str, seed: &str) -> Vec<&'static str> {
    let named = READERS.iter().filter(|(known, _)| *known == reader);
    let mut targets: Vec<_> = named.map(|(_, target)| *target).collect();
    let head = seed.split("\n\n").next().unwrap_or_default().to_ascii_lowercase();
    let fields = [("\nwww-authenticate:", "www_authenticate"), ("\nretry-after:", "retry_after")];
    targets.extend(fields.iter().filter(|(field, _)| head.contains(field)).map(|(_, to)| *to));
    targets
}

const READERS: [(&str, &str); 10] = [
    ("ClientCredentials", "token_answer"),
    ("Device", "device_answer"),
    ("EndSession", "revocation_answer"),
    ("Introspection", "introspection_answer"),
    ("Metadata", "metadata_answer"),
    ("Poll", "token_answer"),
    ("Refresh", "token_answer"),
    ("Revocation", "revocation_answer"),
    ("Token", "token_answer"),
    ("Userinfo", "userinfo_answer"),
];

/// The header fields that anybody reads.
const READ: [&str; 5] = ["content-type", "date", "location", "retry-after", "www-authenticate"];

/// Pages are longer, and nothing is in them.
const BYTES_MAX: usize = 10_000;

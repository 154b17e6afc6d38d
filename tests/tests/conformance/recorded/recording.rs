//! One recorded exchange: `tests/recorded/<server>/<situation>.json`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use aiod_auth_tests::verdict::Answer;
use serde_json::Value;

pub(super) struct Recording {
    pub(super) request: Request,
    pub(super) answer: Answer,
}

/// What was sent.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// All that are there, by name: `keycloak/poll_pending`.
pub(super) fn all() -> BTreeMap<String, Recording> {
    let mut recordings = BTreeMap::new();
    for server in folder().read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        if !server.is_dir() {
            continue;
        }
        for file in server.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            let [server, situation] =
                [&server, &file].map(|path| path.file_stem().unwrap().to_str().unwrap());
            let text = fs::read_to_string(&file).unwrap();
            recordings.insert(format!("{server}/{situation}"), Recording::parse(&text));
        }
    }
    recordings
}

impl Recording {
    fn parse(text: &str) -> Self {
        let file: Value = serde_json::from_str(text).unwrap();
        let request = &file["request"];
        Self {
            request: Request {
                method: request["method"].as_str().unwrap().to_owned(),
                url: request["url"].as_str().unwrap().to_owned(),
                headers: headers(&request["headers"]).collect(),
                body: request["body"].as_str().unwrap_or_default().to_owned(),
            },
            answer: Answer {
                status: file["status"].as_u64().unwrap().try_into().unwrap(),
                headers: headers(&file["headers"]).collect(),
                body: file["body"].as_str().unwrap().into(),
            },
        }
    }
}

fn headers(object: &Value) -> impl Iterator<Item = (String, String)> {
    let fields = object.as_object().unwrap().iter();
    fields.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
}

/// Where they and the table of their outcomes are.
pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recorded")
}

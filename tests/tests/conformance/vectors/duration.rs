//! Lifetimes of Tiled's API keys.

use aiod_auth_core::{Kind, provider::tiled::parse_lifetime};
use serde_json::Value;

use super::text;

pub(super) fn case(case: &Value) {
    let lifetime = parse_lifetime(text(case, "text")).unwrap();
    assert_eq!(Some(lifetime.as_secs()), case["seconds"].as_u64());
}

pub(super) fn refuse(case: &Value) {
    let error = parse_lifetime(text(case, "text")).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

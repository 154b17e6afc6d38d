//! The challenges in `WWW-Authenticate`: RFC 9110 §11.6.1.

use aiod_auth_core::Response;
use serde_json::{Map, Value, json};

/// The fields are read as these challenges. A `token68` (NTLM) is passed over: no scheme here uses it.
pub(super) fn case(case: &Value) {
    let fields = case["fields"].as_array().unwrap().iter();
    let headers: Vec<_> =
        fields.map(|field| ("WWW-Authenticate", field.as_str().unwrap())).collect();
    let mut found = Vec::new();
    for challenge in Response::new(401, headers.iter().copied(), b"").challenges() {
        let params = challenge.params().map(|(name, value)| (name.to_owned(), value.into()));
        let params: Map<String, Value> = params.collect();
        found.push(json!({ "scheme": challenge.scheme(), "params": params }));
    }
    let mut expected = case["challenges"].clone();
    for challenge in expected.as_array_mut().unwrap() {
        challenge.as_object_mut().unwrap().remove("token68");
    }
    assert_eq!(Value::from(found), expected);
}

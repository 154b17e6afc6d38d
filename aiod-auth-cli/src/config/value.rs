//! Values of `config.toml`, read one by one. What is wrong is named without the value: it may be a secret
//! in the wrong place.

use toml_edit::{Item, TableLike, Value};

pub(super) fn table<'a>(place: &str, item: &'a Item) -> Result<&'a dyn TableLike, String> {
    item.as_table_like().ok_or_else(|| must_be(place, "a table"))
}

pub(super) fn string(place: &str, item: &Item) -> Result<String, String> {
    item.as_str().map(Into::into).ok_or_else(|| must_be(place, "a string"))
}

pub(super) fn boolean(place: &str, item: &Item) -> Result<bool, String> {
    item.as_bool().ok_or_else(|| must_be(place, "true or false"))
}

pub(super) fn strings(place: &str, item: &Item) -> Result<Vec<String>, String> {
    let all = item.as_array().and_then(|array| {
        array.iter().map(|value| Value::as_str(value).map(Into::into)).collect::<Option<Vec<_>>>()
    });
    all.ok_or_else(|| must_be(place, "a list of strings"))
}

pub(super) fn string_or_strings(place: &str, item: &Item) -> Result<Vec<String>, String> {
    match item.as_str() {
        Some(one) => Ok(vec![one.into()]),
        None => strings(place, item),
    }
}

pub(super) fn must_be(place: &str, what: &str) -> String {
    format!("`{place}` must be {what}")
}

pub(super) fn unknown(place: &str) -> String {
    format!("unknown key `{place}`")
}

//! `[profiles.NAME.deviations]`: what one server is known to do otherwise, as the core's `Deviations` has
//! it.

use aiod_auth_core::Deviations;
use toml_edit::Item;

use super::value::{boolean, must_be, string, string_or_strings, table, unknown};

pub(super) fn read(place: &str, item: &Item) -> Result<Deviations, String> {
    let mut deviations = Deviations::default();
    for (key, item) in table(place, item)?.iter() {
        let place = format!("{place}.{key}");
        deviations = match key {
            "bearer_names" => string_or_strings(&place, item)?
                .into_iter()
                .fold(deviations, Deviations::with_bearer_name),
            "scope_separator" => deviations.with_scope_separator(character(&place, item)?),
            "error_at" => deviations.with_error_at(&string(&place, item)?),
            "errors" => with_errors(&place, item, deviations)?,
            "unescaped_basic" if boolean(&place, item)? => deviations.with_unescaped_basic(),
            "unescaped_basic" => deviations,
            "issuer" => deviations.with_issuer(string(&place, item)?),
            _ => return Err(unknown(&place)),
        };
    }
    Ok(deviations)
}

/// The server's own words, each with the code that it stands for.
fn with_errors(place: &str, item: &Item, deviations: Deviations) -> Result<Deviations, String> {
    table(place, item)?.iter().try_fold(deviations, |deviations, (word, code)| {
        let code = string(&format!("{place}.{word}"), code)?;
        Ok(deviations.with_error_named(word, &code))
    })
}

fn character(place: &str, item: &Item) -> Result<char, String> {
    let text = string(place, item)?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(must_be(place, "one character")),
    }
}

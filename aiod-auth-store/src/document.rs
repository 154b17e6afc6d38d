//! TOML that people may have edited: secrets are moved out of it and not copied, and what is not
//! known here stays where it is.

use std::fmt::{self, Write as _};

use aiod_auth_core::{Scope, Timestamp};
use toml_edit::{Document, DocumentMut, Item, Table, TableLike, Value};
use zeroize::Zeroizing;

/// Why a record can't be used.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// What is wrong and where; never a value.
    Damaged(String),
    /// It has this version.
    Newer(i64),
}

pub(crate) fn damaged(what: impl Into<String>) -> Unreadable {
    Unreadable::Damaged(what.into())
}

pub(crate) fn parse(text: &str) -> Result<Document<&str>, Unreadable> {
    Document::parse(text).map_err(|error| {
        // The error's own text is not passed on: it quotes the line.
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.unwrap_or(text).matches('\n').count() + 1;
        damaged(format!("line {line} is not TOML"))
    })
}

/// A table. Texts are moved out of it, not copied: so a secret that is read stands only where it is
/// wiped.
pub(crate) struct Members {
    /// Empty for the document itself.
    name: &'static str,
    table: Table,
}

impl Members {
    /// Those of the document itself.
    pub(crate) const fn of(document: Table) -> Self {
        Self { name: "", table: document }
    }

    /// Those of one of its tables, if it is there.
    pub(crate) fn take(&mut self, name: &'static str) -> Result<Option<Self>, Unreadable> {
        match self.table.remove(name).map(Item::into_table) {
            None => Ok(None),
            Some(Ok(table)) => Ok(Some(Self { name, table })),
            Some(Err(_)) => Err(damaged(format!("{name} is missing, or no table"))),
        }
    }

    pub(crate) fn require(&mut self, name: &'static str) -> Result<Self, Unreadable> {
        self.take(name)?.ok_or_else(|| damaged(format!("{name} is missing, or no table")))
    }

    pub(crate) fn text(&mut self, member: &str) -> Result<Option<String>, Unreadable> {
        match self.table.remove(member).map(Item::into_value) {
            None => Ok(None),
            Some(Ok(Value::String(text))) => Ok(Some(text.into_value())),
            Some(_) => Err(self.wrong(member, "is no string")),
        }
    }

    pub(crate) fn required(&mut self, member: &str) -> Result<String, Unreadable> {
        self.text(member)?.ok_or_else(|| self.wrong(member, "is missing"))
    }

    pub(crate) fn time(&mut self, member: &str) -> Result<Option<Timestamp>, Unreadable> {
        let time = self.text(member)?.map(|text| text.parse());
        time.transpose().map_err(|_| self.wrong(member, "is no date and time"))
    }

    pub(crate) fn scope(&mut self, member: &str) -> Result<Option<Scope>, Unreadable> {
        let scope = self.text(member)?.map(|text| text.parse());
        scope.transpose().map_err(|_| self.wrong(member, "is no scope"))
    }

    pub(crate) fn texts(&mut self, member: &str) -> Result<Vec<String>, Unreadable> {
        let texts = self.table.get(member).and_then(Item::as_array);
        let texts = texts
            .and_then(|texts| texts.iter().map(|text| text.as_str().map(String::from)).collect());
        texts.ok_or_else(|| self.wrong(member, "is missing, or no list of strings"))
    }

    pub(crate) fn wrong(&self, member: &str, what: &str) -> Unreadable {
        let dot = if self.name.is_empty() { "" } else { "." };
        damaged(format!("{}{dot}{member} {what}", self.name))
    }
}

/// Sets a member and leaves the comments around it, and how it is written if it is the same text;
/// removes it if there is no value.
pub(crate) fn put(table: &mut dyn TableLike, member: &str, value: Option<impl Into<Value>>) {
    let Some(value) = value else {
        table.remove(member);
        return;
    };
    let mut value = value.into();
    match table.get_mut(member) {
        Some(item) => {
            if let Some(before) = item.as_value() {
                if before.as_str().is_some() && before.as_str() == value.as_str() {
                    return;
                }
                value.decor_mut().clone_from(before.decor());
            }
            *item = Item::Value(value);
        }
        None => {
            table.insert(member, Item::Value(value));
        }
    }
}

/// A buffer that grows leaves copies behind that are not wiped: so the text is measured first.
pub(crate) fn text(document: &DocumentMut) -> Zeroizing<String> {
    let mut length = Length(0);
    let mut text = Zeroizing::new(String::new());
    // Neither of the two ever refuses anything.
    let _ = write!(length, "{document}");
    text.reserve_exact(length.0);
    let _ = write!(text, "{document}");
    text
}

struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

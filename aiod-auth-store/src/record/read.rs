//! From text to tokens.

use aiod_auth_core::{AccessToken, IdToken, RecordKey, RefreshToken, Scope, Timestamp, Tokens};
use toml_edit::{Item, Table, Value};

use super::{Unreadable, damaged, parse};

/// Reads a record, and which key it is for.
pub(crate) fn read(text: &str) -> Result<(RecordKey, Tokens), Unreadable> {
    if !text.ends_with('\n') {
        return Err(damaged("it ends within a line"));
    }
    let mut record = parse(text)?.into_table();
    let tokens = Section::take(&mut record, "tokens")?.into_tokens()?;
    let key = Section::take(&mut record, "key")?.into_key()?;
    Ok((key, tokens))
}

/// One of the tables of a record. Texts are moved out of it, not copied: so a secret that is read
/// stands only where it is wiped.
struct Section {
    name: &'static str,
    members: Table,
}

impl Section {
    fn take(record: &mut Table, name: &'static str) -> Result<Self, Unreadable> {
        let members = record.remove(name).map(Item::into_table);
        let Some(Ok(members)) = members else {
            return Err(damaged(format!("{name} is missing, or no table")));
        };
        Ok(Self { name, members })
    }

    fn into_tokens(mut self) -> Result<Tokens, Unreadable> {
        let access_token = AccessToken::new(self.required("access_token")?);
        let Some(issued_at) = self.time("issued_at")? else {
            return Err(self.wrong("issued_at", "is missing"));
        };
        let mut tokens = Tokens::new(access_token, issued_at);
        tokens.expires_at = self.time("expires_at")?;
        tokens.refresh_token = self.text("refresh_token")?.map(RefreshToken::new);
        tokens.refresh_expires_at = self.time("refresh_expires_at")?;
        tokens.scope = self.scope("scope")?;
        let session_scope = self.text("session_scope")?.map(|text| text.parse()).transpose();
        tokens.session_scope =
            session_scope.map_err(|_| self.wrong("session_scope", "is no scope"))?;
        tokens.id_token = self.text("id_token")?.map(IdToken::new);
        tokens.session_ended_at = self.time("session_ended_at")?;
        Ok(tokens)
    }

    fn into_key(mut self) -> Result<RecordKey, Unreadable> {
        Ok(RecordKey {
            issuer: self.required("issuer")?,
            client_id: self.required("client_id")?,
            account: self.text("account")?,
            scope: self.scope("scope")?,
            resource: self.texts("resource")?,
        })
    }

    fn text(&mut self, member: &str) -> Result<Option<String>, Unreadable> {
        match self.members.remove(member).map(Item::into_value) {
            None => Ok(None),
            Some(Ok(Value::String(text))) => Ok(Some(text.into_value())),
            Some(_) => Err(self.wrong(member, "is no string")),
        }
    }

    fn required(&mut self, member: &str) -> Result<String, Unreadable> {
        self.text(member)?.ok_or_else(|| self.wrong(member, "is missing"))
    }

    fn time(&mut self, member: &str) -> Result<Option<Timestamp>, Unreadable> {
        let time = self.text(member)?.map(|text| text.parse());
        time.transpose().map_err(|_| self.wrong(member, "is no date and time"))
    }

    fn scope(&mut self, member: &str) -> Result<Scope, Unreadable> {
        self.required(member)?.parse().map_err(|_| self.wrong(member, "is no scope"))
    }

    fn texts(&mut self, member: &str) -> Result<Vec<String>, Unreadable> {
        let texts = self.members.get(member).and_then(Item::as_array);
        let texts = texts
            .and_then(|texts| texts.iter().map(|text| text.as_str().map(String::from)).collect());
        texts.ok_or_else(|| self.wrong(member, "is missing, or no list of strings"))
    }

    fn wrong(&self, member: &str, what: &str) -> Unreadable {
        damaged(format!("{}.{member} {what}", self.name))
    }
}

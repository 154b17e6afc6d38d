//! Changing `config.toml` without touching what the user wrote in it: comments, order, keys.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use aiod_auth_core::Kind;
use aiod_auth_store::make_private_folder;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::Config;
use crate::{
    failure::Failure,
    private_file::{self, OwnFile, unreadable},
};

/// The file as a text that can be edited.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    document: DocumentMut,
    /// Held from reading to writing, so that nothing that another process writes in between is lost.
    _lock: Option<File>,
}

impl ConfigFile {
    /// Reads the file; none is an empty one.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        Self::open(folder, None)
    }

    /// Reads the file to change it, or begins a new one. `waiting` is called where another process
    /// changes it and takes long.
    pub(crate) fn edit(folder: &Path, waiting: impl FnOnce()) -> Result<Self, Failure> {
        let path = resolved(folder.join("config.toml"));
        // The folder also holds the tokens; the file may be a link into another one.
        for folder in [Some(folder), path.parent()].into_iter().flatten() {
            make_private_folder(folder).map_err(|error| {
                let mut failure = Failure::from(error);
                failure.kind = Kind::Config;
                failure
            })?;
        }
        let lock_file = path.with_file_name("config.toml.lock");
        let lock = private_file::lock(&lock_file, waiting).map_err(|error| {
            let message = format!("cannot lock {}: {error}", lock_file.display());
            if error.kind() == ErrorKind::TimedOut {
                return Failure::new(Kind::Store, message).with_hint("wait for it, or end it");
            }
            let hint = "see whether this user may write in that folder";
            Failure::config(message).with_hint(hint)
        })?;
        Self::open(folder, Some(lock))
    }

    /// One with a mistake in it is left to its owner.
    fn open(folder: &Path, lock: Option<File>) -> Result<Self, Failure> {
        let path = Config::read(folder)?.file;
        let text = match OwnFile::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            read => read.map(|read| read.text),
        };
        let text = text.map_err(|error| unreadable("", &path, &error))?;
        let not_toml =
            |_| Failure::config(format!("cannot read {}: it is not TOML", path.display()));
        let document = text.parse().map_err(not_toml)?;
        Ok(Self { path: resolved(path), document, _lock: lock })
    }

    /// The table of a profile, if there is one.
    pub(crate) fn profile(&self, name: &str) -> Option<&dyn TableLike> {
        self.document.get("profiles")?.as_table_like()?.get(name)?.as_table_like()
    }

    /// The table of a profile, made if there is none.
    pub(crate) fn profile_mut(&mut self, name: &str) -> Result<&mut dyn TableLike, Failure> {
        let profiles = self.document.entry("profiles").or_insert_with(implicit_table);
        let profile = profiles
            .as_table_like_mut()
            .map(|profiles| profiles.entry(name).or_insert_with(toml_edit::table));
        profile.and_then(Item::as_table_like_mut).ok_or_else(|| {
            let path = self.path.display();
            let message = format!("`profiles` must be a table of tables in {path}");
            Failure::config(message).with_hint("correct it there")
        })
    }

    pub(crate) fn set_default_profile(&mut self, name: &str) {
        set(self.document.as_table_mut(), "default_profile", name);
    }

    /// Removes a profile, and makes it the default no longer.
    pub(crate) fn remove_profile(&mut self, name: &str) {
        let profiles = self.document.get_mut("profiles").and_then(Item::as_table_like_mut);
        if let Some(profiles) = profiles {
            profiles.remove(name);
        }
        if self.document.get("default_profile").and_then(Item::as_str) == Some(name) {
            self.remove_default_profile();
        }
    }

    /// The comment above it may be about the whole file, so it stays.
    fn remove_default_profile(&mut self) {
        let key = self.document.key("default_profile");
        let above = key.and_then(|key| key.leaf_decor().prefix()?.as_str());
        let above = above.unwrap_or_default().to_owned();
        self.document.remove("default_profile");
        if let Ok(document) = format!("{above}{}", self.document).parse() {
            self.document = document;
        }
    }

    /// What the file would say.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Config::parse(&self.document.to_string(), &self.path)
    }

    pub(crate) fn save(&self) -> Result<(), Failure> {
        let saved = private_file::rewrite(&self.path, self.document.to_string().as_bytes());
        saved.map_err(|error| {
            Failure::config(format!("cannot write {}: {error}", self.path.display())).with_hint(
                "see whether this user may write it, and whether there is room on the disk",
            )
        })
    }
}

/// Sets a value, and keeps the comments around the one before.
pub(crate) fn set(table: &mut dyn TableLike, key: &str, value: impl Into<Value>) {
    let mut value = value.into();
    match table.get_mut(key) {
        Some(item) => {
            if let Some(before) = item.as_value() {
                *value.decor_mut() = before.decor().clone();
            }
            *item = Item::Value(value);
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// One without a line of its own: `[profiles.lab]` is enough.
fn implicit_table() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// Where a symbolic link leads, even if nothing is there yet: the link itself stays.
fn resolved(path: PathBuf) -> PathBuf {
    match (fs::canonicalize(&path), fs::read_link(&path)) {
        (Ok(target), _) => target,
        // `join` with an absolute path is that path.
        (Err(_), Ok(target)) => path.parent().map(|folder| folder.join(&target)).unwrap_or(target),
        (Err(_), Err(_)) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_keeps_comments_order_and_what_it_does_not_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let before = r#"# mine
[profiles.lab] # the lab
issuer = "https://a.example" # old
# why
store = "memory"
"#;
        fs::write(&path, before).unwrap();
        let mut file = ConfigFile::edit(folder.path(), || ()).unwrap();
        let lab = file.profile_mut("lab").unwrap();
        set(lab, "issuer", "https://b.example");
        let new = file.profile_mut("new").unwrap();
        set(new, "issuer", "https://c.example");
        file.set_default_profile("new");
        file.save().unwrap();
        let after = r#"default_profile = "new"
# mine
[profiles.lab] # the lab
issuer = "https://b.example" # old
# why
store = "memory"

[profiles.new]
issuer = "https://c.example"
"#;
        assert_eq!(fs::read_to_string(&path).unwrap(), after);

        file.remove_profile("new");
        file.save().unwrap();
        let without = before.replace("a.example", "b.example");
        assert_eq!(fs::read_to_string(&path).unwrap(), without);
        // The file and its lock.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

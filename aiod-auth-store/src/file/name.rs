//! The name of a record's file: readable, and another one for every key.

use aiod_auth_core::RecordKey;

use super::fnv::Fnv1a;

/// The server, the client, and a hash of the whole key:
/// `auth.example.org-my-tool-1a2b3c4d5e6f7a8b.toml`.
///
/// The hash tells apart what looks the same in a file name. Nothing hangs on its quality: the key
/// also stands in the file, and is compared.
pub(crate) fn of(key: &RecordKey) -> String {
    format!("{}-{:016x}.toml", readable_name(key), hash(key))
}

/// The server and the client, as far as a file name can say them.
pub(crate) fn readable_name(key: &RecordKey) -> String {
    let (_, after_scheme) = key.issuer.split_once("://").unwrap_or(("", &key.issuer));
    let host = after_scheme.split('/').next().unwrap_or_default();
    let (host, client) = (readable(host), readable(&key.client_id));
    format!("{host}-{client}")
}

/// Small letters, because some file systems know no others.
fn readable(text: &str) -> String {
    text.chars()
        .take(40)
        .map(|character| match character.to_ascii_lowercase() {
            plain @ ('a'..='z' | '0'..='9' | '.' | '_') => plain,
            _ => '-',
        })
        .collect()
}

/// Each text goes in with its length and each list with its count, so that no two keys look alike.
fn hash(key: &RecordKey) -> u64 {
    let mut hash = Fnv1a::new();
    hash.text(&key.issuer);
    hash.text(&key.client_id);
    hash.list(key.account.iter().map(String::as_str));
    hash.list(key.scope.iter());
    hash.list(key.resource.iter().map(String::as_str));
    hash.finish()
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::Scope;

    use super::*;

    fn key() -> RecordKey {
        RecordKey {
            issuer: "https://Auth.example.org:8443/realms/a/b".into(),
            client_id: "My Tool/../x".into(),
            account: None,
            scope: Scope::default(),
            resource: Vec::new(),
        }
    }

    /// Another name would be another file: every user would have to log in again.
    #[test]
    fn names_stay_the_same_for_good() {
        assert_eq!(of(&key()), "auth.example.org-8443-my-tool-..-x-8f405448ef807883.toml");
    }

    #[test]
    fn every_member_counts() {
        let resource = |texts: &[&str]| RecordKey {
            resource: texts.iter().map(|text| (*text).into()).collect(),
            ..key()
        };
        let account = |account: &str| RecordKey { account: Some(account.into()), ..key() };
        let names = [
            of(&key()),
            of(&account("")),
            of(&account("a")),
            of(&resource(&["a"])),
            of(&resource(&["a", "b"])),
            of(&resource(&["ab"])),
            of(&RecordKey { scope: "a".parse().unwrap(), ..key() }),
        ];
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:#?}");
    }

    #[test]
    fn a_name_is_short_and_stays_in_its_folder() {
        let long = RecordKey {
            issuer: "../..".repeat(100),
            client_id: "\u{202e}\0/\\".repeat(100),
            ..key()
        };
        let name = of(&long);
        // What stands beside a record has longer names, and a folder that eCryptfs encrypts takes none above 143.
        assert!(name.len() + ".login.next.lock".len() <= 143, "{name}");
        assert_eq!(std::path::Path::new(&name).components().count(), 1);
    }
}

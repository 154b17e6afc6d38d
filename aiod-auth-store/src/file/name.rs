//! The name of a record's file: readable, and another one for every key.

use aiod_auth_core::RecordKey;

/// The server, the client, and a hash of the whole key:
/// `auth.example.org-my-tool-1a2b3c4d5e6f7a8b.toml`.
///
/// The hash tells apart what looks the same in a file name. Nothing hangs on its quality: the key
/// also stands in the file, and is compared.
pub(super) fn of(key: &RecordKey) -> String {
    let (_, after_scheme) = key.issuer.split_once("://").unwrap_or(("", &key.issuer));
    let host = after_scheme.split('/').next().unwrap_or_default();
    let (host, client) = (readable(host), readable(&key.client_id));
    format!("{host}-{client}-{:016x}.toml", hash(key))
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
    hash.0
}

/// FNV-1a with 64 bits. It must give the same in all versions of this program and of Rust: std's
/// hashers don't promise that.
struct Fnv1a(u64);

impl Fnv1a {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn list<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        let mut count: u64 = 0;
        for text in texts {
            self.text(text);
            count += 1;
        }
        self.bytes(&count.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&(text.len() as u64).to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
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

    /// Another name would be another file: everybody would have to log in again.
    #[test]
    fn names_stay_the_same_for_good() {
        assert_eq!(of(&key()), "auth.example.org-8443-my-tool-..-x-8f405448ef807883.toml");
    }

    #[test]
    fn the_hash_is_the_published_one() {
        for (text, expected) in [("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)] {
            let mut hash = Fnv1a::new();
            hash.bytes(text.as_bytes());
            assert_eq!(hash.0, expected, "{text}");
        }
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
        assert!(name.len() <= 110, "{name}");
        assert_eq!(std::path::Path::new(&name).components().count(), 1);
    }
}

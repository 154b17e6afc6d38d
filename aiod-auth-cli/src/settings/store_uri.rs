//! What `--store` and `store` in config.toml say, read in one place.

use std::path::Path;

use crate::{failure::Failure, platform::Platform};

/// Where tokens are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreUri<'a> {
    /// The folder `tokens` beside config.toml.
    File,
    /// Nowhere but in this process.
    Memory,
    #[cfg(feature = "keyring")]
    Keyring,
    /// By its address, whole.
    #[cfg(feature = "redis")]
    Redis(&'a str),
    /// What a platform's own client keeps: where that looks for it, or here.
    Of(Platform, Option<&'a Path>),
}

impl<'a> StoreUri<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Failure> {
        let (kind, place) = match text.split_once(':') {
            Some((kind, place)) => (kind, Some(place)),
            None => (text, None),
        };
        let platform = match (kind, place) {
            ("file", None) => return Ok(Self::File),
            ("memory", None) => return Ok(Self::Memory),
            #[cfg(feature = "keyring")]
            ("keyring", None) => return Ok(Self::Keyring),
            #[cfg(feature = "redis")]
            ("redis" | "redis+unix", Some(_)) => return Ok(Self::Redis(text)),
            // The rest of an address may have a password in it.
            ("keyring" | "redis" | "redis+unix" | "rediss", _) => {
                return Err(Failure::config(format!("the store `{kind}` is not in this version"))
                    .with_hint(KNOWN));
            }
            _ => match Platform::from_name(kind).filter(|platform| platform.has_store()) {
                Some(platform) => platform,
                None => return Err(Failure::config("there is no such store").with_hint(KNOWN)),
            },
        };
        if place == Some("") {
            return Err(
                Failure::config(format!("the store `{kind}:` has no file name")).with_hint(KNOWN)
            );
        }
        Ok(Self::Of(platform, place.map(Path::new)))
    }
}

const KNOWN: &str = "use file, keyring, redis://HOST, memory, aiod:FILE, polars:DIR or tiled:DIR";

#[cfg(test)]
mod tests {
    use aiod_auth_core::Kind;

    use super::*;

    #[test]
    fn a_name_alone_or_with_a_place() {
        let place = |text| StoreUri::parse(text).unwrap();
        assert_eq!(place("file"), StoreUri::File);
        assert_eq!(place("memory"), StoreUri::Memory);
        assert_eq!(place("aiod"), StoreUri::Of(Platform::Aiod, None));
        let dir = Some(Path::new("tiled:a"));
        assert_eq!(place("tiled:tiled:a"), StoreUri::Of(Platform::Tiled, dir));
    }

    #[test]
    fn what_is_no_store_is_said_without_its_address() {
        for text in [
            "",
            "aiod:",
            "polars:",
            "tiled:",
            "jetraw",
            "jetraw:x",
            "memory:x",
            "rediss://u:canary@h",
            "s3://c",
        ] {
            let failure = StoreUri::parse(text).unwrap_err();
            assert_eq!(failure.kind, Kind::Config, "{text}");
            assert!(failure.hint.is_some() && !failure.message.contains("canary"), "{failure:?}");
        }
    }
}

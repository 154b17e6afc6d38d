//! A client's secret, where a bot finds it: in a file or in its environment, never on a command line.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use aiod_auth_core::{ClientSecret, ConfigProblem, Error, Profile};
use toml_edit::{Document, Item};
use zeroize::Zeroizing;

/// How a [`ClientSecret`] is read.
///
/// ```
/// use aiod_auth_core::{ClientSecret, Profile};
/// use aiod_auth_store::ReadClientSecret;
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("client-secret");
/// # std::fs::write(&file, "s3cr3t\n")?;
/// let secret = ClientSecret::from_file(&file)?;
/// let bot = Profile::new("https://auth.example.org/realms/lab", "report")?.with_client_secret(secret)?;
/// assert!(bot.client().is_confidential());
///
/// let error = ClientSecret::from_env("REPORT_CLIENT_SECRET").unwrap_err();
/// assert!(error.to_string().contains("REPORT_CLIENT_SECRET"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The clients' `with_client_secret_file` reads it again whenever it is needed: a secret that is mounted may be
/// replaced while the program runs.
pub trait ReadClientSecret: Sized {
    /// From a file: TOML with `client_secret`, or the secret alone, where a line break at the end doesn't count;
    /// neither JSON nor other TOML. It is a regular file of this user or of root; one that every user of the machine can read gets a warning. A
    /// name without a folder is looked for among the credentials that systemd hands over first
    /// (`$CREDENTIALS_DIRECTORY`, systemd.exec(5)), then in the current folder.
    ///
    /// # Errors
    /// [`Error::Config`], with the file's name and nothing of what is in it.
    fn from_file(path: impl AsRef<Path>) -> Result<Self, Error>;

    /// From an environment variable, as it is.
    ///
    /// # Errors
    /// [`Error::Config`] if it is not set, or empty.
    fn from_env(name: &str) -> Result<Self, Error>;
}

impl ReadClientSecret for ClientSecret {
    fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let credentials = env::var_os("CREDENTIALS_DIRECTORY");
        let path = credential_or(path.as_ref(), credentials.as_deref());
        let secret = read(&path).map_err(|why| unreadable(path.display().to_string(), why))?;
        Ok(Self::new(secret.as_str()))
    }

    fn from_env(name: &str) -> Result<Self, Error> {
        match env::var(name) {
            Ok(secret) if !secret.trim().is_empty() => Ok(Self::new(secret)),
            _ => Err(unreadable(
                format!("the environment variable {name}"),
                "it is not set, empty, or not UTF-8".to_owned(),
            )),
        }
    }
}

/// This profile with the secret that is in the file now. One that can't be read is said in the log, and the
/// profile stays as it is: for clients, before each job.
#[must_use]
pub fn with_secret_of(profile: &Arc<Profile>, file: &Path) -> Arc<Profile> {
    let secret = ClientSecret::from_file(file);
    match secret.and_then(|secret| Profile::clone(profile).with_client_secret(secret)) {
        Ok(profile) => Arc::new(profile),
        Err(error) => {
            log::warn!("{error}");
            Arc::clone(profile)
        }
    }
}

fn unreadable(place: String, why: String) -> Error {
    Error::Config(ConfigProblem::UnreadableClientSecret { place, why })
}

fn credential_or(path: &Path, credentials: Option<&OsStr>) -> PathBuf {
    let is_name = path.file_name().is_some_and(|name| name == path);
    let folder = credentials.map(Path::new).filter(|folder| is_name && folder.is_absolute());
    let credential = folder.map(|folder| folder.join(path)).filter(|file| file.exists());
    credential.unwrap_or_else(|| path.to_owned())
}

fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    // Before it is opened: a pipe without a writer would never come back.
    let metadata = fs::metadata(path).map_err(in_words)?;
    check(&metadata)?;
    let file = File::open(path).map_err(in_words)?;
    check(&file.metadata().map_err(in_words)?)?;
    // In a buffer that never grows: a copy left behind could not be wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 1));
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(in_words)?;
    if bytes.len() > BYTES_MAX {
        return Err("it is too big".to_owned());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let secret = parse(text)?;
    if secret.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if is_public(&metadata) {
        log::warn!("every user of this machine can read the client secret in {}", path.display());
    }
    Ok(secret)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn in_words(error: io::Error) -> String {
    error.to_string()
}

/// What is wrong is said without any of the text: it is a secret.
fn parse(text: &str) -> Result<Zeroizing<String>, String> {
    // Some editors put one before the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.lines().any(names_the_secret) {
        let document = Document::parse(text).map_err(|_| "it is not valid TOML".to_owned())?;
        let secret = document.get("client_secret").and_then(|item| item.as_str());
        let secret = secret.ok_or_else(|| "its client_secret is no text".to_owned())?;
        return Ok(Zeroizing::new(secret.to_owned()));
    }
    if is_json(text) {
        return Err("it is JSON, not the secret alone, nor TOML with client_secret".to_owned());
    }
    if is_toml(text) {
        return Err("it is TOML, and has no client_secret".to_owned());
    }
    // An editor's line break at the end is not part of it; anything else is.
    let line = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(Zeroizing::new(line.unwrap_or(text).to_owned()))
}

/// `client_secret = …`: so this is TOML, and not a secret that happens to look like it.
fn names_the_secret(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix("client_secret");
    rest.is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// An object with a member: no secret is written like that.
fn is_json(text: &str) -> bool {
    let inside = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    inside.is_some_and(|inside| inside.trim_start().starts_with('"'))
}

/// With a text in quotes somewhere. Less may be a secret that happens to be TOML, as `a=1` is.
fn is_toml(text: &str) -> bool {
    fn has_text(item: &Item) -> bool {
        let table = item.as_table_like();
        item.is_str() || table.is_some_and(|table| table.iter().any(|(_, item)| has_text(item)))
    }
    Document::parse(text).is_ok_and(|document| has_text(document.as_item()))
}

fn check(metadata: &Metadata) -> Result<(), String> {
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    #[cfg(unix)]
    {
        let owner = std::os::unix::fs::MetadataExt::uid(metadata);
        if owner != 0 && owner != rustix::process::geteuid().as_raw() {
            return Err(format!(
                "it belongs to another user (run this as uid {owner}, in a container with --user)"
            ));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_public(metadata: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o004 != 0
}

#[cfg(not(unix))]
fn is_public(_: &Metadata) -> bool {
    false
}

/// More than any secret has.
const BYTES_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_is_toml_or_the_secret_alone() {
        for (text, secret) in [
            ("p:a+s%20s/w&o=rd é", "p:a+s%20s/w&o=rd é"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            ("secret\n\n", "secret\n"),
            (" secret ", " secret "),
            ("\u{feff}secret", "secret"),
            ("a=1", "a=1"),
            ("[a]", "[a]"),
            ("\"quoted\"", "\"quoted\""),
            ("{d34db33f}", "{d34db33f}"),
            ("client_secret", "client_secret"),
            ("client_secret = \"s\"\n", "s"),
            ("# a comment\nid = 1\n client_secret='s\"'", "s\""),
            ("", ""),
        ] {
            assert_eq!(parse(text).unwrap().as_str(), secret, "{text:?}");
        }
        for text in ["client_secret = canary", "client_secret = 1", "client_secret=\"canary"] {
            let problem = parse(text).unwrap_err();
            assert!(!problem.contains("canary"), "{problem}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file_and_without_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let long = "canary".repeat(BYTES_MAX);
        for (content, says) in [
            (&b"client_secret = canary"[..], "not valid TOML"),
            (b"canary\xff", "not UTF-8"),
            (b"\n", "empty"),
            (b" \t\r\n", "empty"),
            (b"secret = \"canary\"\n", "TOML, and has no client_secret"),
            (b"[bot]\nsecret = 'canary'\n", "TOML, and has no client_secret"),
            (b"{\"client_secret\": \"canary\"}\n", "JSON"),
            (long.as_bytes(), "too big"),
        ] {
            fs::write(&file, content).unwrap();
            let error = ClientSecret::from_file(&file).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("secret: it is"), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
        let error = ClientSecret::from_file(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
        let error = ClientSecret::from_file(folder.path().join("gone")).unwrap_err();
        assert_eq!(error.kind(), aiod_auth_core::Kind::Config);
        let error = ClientSecret::from_env("AIOD_AUTH_NOT_SET").unwrap_err().to_string();
        assert!(error.contains("AIOD_AUTH_NOT_SET"), "{error}");
    }

    #[test]
    fn what_systemd_hands_over_comes_first_for_a_name_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "s").unwrap();
        let found =
            |path: &str, credentials: Option<&OsStr>| credential_or(Path::new(path), credentials);
        let credentials = Some(folder.path().as_os_str());
        assert_eq!(found("secret", credentials), folder.path().join("secret"));
        for (path, credentials) in [
            ("other", credentials),
            ("./secret", credentials),
            ("a/secret", credentials),
            ("..", credentials),
            ("secret", Some(OsStr::new("relative"))),
            ("secret", None),
        ] {
            assert_eq!(found(path, credentials), Path::new(path));
        }
    }
}

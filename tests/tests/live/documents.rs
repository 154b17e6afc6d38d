//! The transcripts in `docs/`: what stands there is what the command says. `WRITE_DOCS=1 tests/live/run.sh` writes them.

use std::{
    env,
    fs::{self, Permissions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use aiod_auth_tests::{user::ALICE, watchdog::Watchdog};
use tempfile::TempDir;

use crate::support::{
    api, command, front, keycloak,
    provider::{issuer, visit},
    user::alice_approves,
};

/// A shell in a home of its own.
struct Shell {
    home: TempDir,
    variables: Vec<(String, String)>,
    text: String,
}

impl Shell {
    fn new(variables: Vec<(String, String)>) -> Self {
        Self { home: tempfile::tempdir().unwrap(), variables, text: String::new() }
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.home.path().join(file);
        let folder = path.parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    /// Types a line. Where a page is shown, this user opens it.
    #[track_caller]
    fn types(&mut self, line: &str, user: fn(&str)) {
        let program = command::path().parent().unwrap();
        let path = env::join_paths([program, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{line} 2>&1")]).env_clear().env("PATH", path);
        shell
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .envs(self.variables.iter().cloned());
        let mut shell = shell.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let _watchdog = Watchdog::of(&shell);
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        let mut said = String::new();
        loop {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            said.push_str(&line);
            let page = line.trim().trim_matches('"');
            if page.starts_with("http") && (page.contains("user_code=") || page.contains("&state="))
            {
                user(page);
                output.read_to_string(&mut said).unwrap();
                break;
            }
            if line.is_empty() {
                break;
            }
        }
        let status = shell.wait().unwrap().code().unwrap();
        self.text.push_str(&format!("$ {line}\n{}", self.shown(&said)));
        if status != 0 {
            self.text.push_str(&format!("(exit status {status})\n"));
        }
    }

    /// What is another one each time is made the same, and secrets are shortened.
    fn shown(&self, said: &str) -> String {
        let said = said.replace(self.home.path().to_str().unwrap(), "/home/me");
        let said = said.replace(&keycloak::base(), "http://127.0.0.1:18180");
        let said = said.replace("127.0.0.1%3A", "127.0.0.1:");
        let mut shown = String::new();
        for line in said.lines() {
            let words =
                line.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && !"_-.".contains(c));
            let line: String = words.map(shortened).collect();
            shown.push_str(line.trim_end());
            shown.push('\n');
        }
        without_numbers(&shown)
    }

    /// It is what the page has under this name.
    #[track_caller]
    fn is_in(&self, page: &str, name: &str) {
        let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
        let text = fs::read_to_string(&file).unwrap();
        let (begin, end) = (format!("<!-- transcript {name} -->\n"), "<!-- end -->");
        let (before, rest) = text.split_once(&begin).unwrap();
        let (there, after) = rest.split_once(end).unwrap();
        let here = format!("```console\n{}```\n", self.text);
        if env::var_os("WRITE_DOCS").is_some() {
            let mut file = fs::File::create(&file).unwrap();
            write!(file, "{before}{begin}{here}{end}{after}").unwrap();
        } else {
            assert_eq!(there, here, "WRITE_DOCS=1 tests/live/run.sh writes it");
        }
    }
}

/// Tokens, states, challenges.
fn shortened(word: &str) -> String {
    let token = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    let is_code = token.len() == 9
        && token.chars().enumerate().all(|(place, c)| match place {
            4 => c == '-',
            _ => c.is_ascii_uppercase(),
        });
    match () {
        () if is_code => word.replace(token, "ABCD-EFGH"),
        () if token.len() > 40 || is_path_of_issuer(token) => {
            let kept = if token.starts_with("eyJ") { "eyJ" } else { "" };
            format!("{kept}…{}", &word[token.len()..])
        }
        () => word.to_owned(),
    }
}

/// The part of a redirect address that differs with the server's port.
fn is_path_of_issuer(word: &str) -> bool {
    let word = word.strip_prefix("2F").unwrap_or(word);
    word.len() == 16
        && word.chars().any(|c| c.is_ascii_uppercase())
        && word.chars().any(|c| c.is_ascii_lowercase())
}

/// Times and free ports.
fn without_numbers(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let is_time =
            rest.as_bytes().get(10) == Some(&b'T') && rest.as_bytes().get(19) == Some(&b'Z');
        if is_time {
            shown.push_str("2026-12-01T12:00:00Z");
            rest = &rest[20..];
            continue;
        }
        let is_port =
            length == 5 && (shown.ends_with("127.0.0.1:") || shown.ends_with("127.0.0.1%"));
        let number = &rest[..length];
        let own = ["18180", "18280", "18281", "18282"];
        shown.push_str(if is_port && !own.contains(&number) { "PORT" } else { number });
        rest = &rest[length..];
    }
    shown.push_str(rest);
    shown
}

fn no_page(page: &str) {
    panic!("{page}");
}

fn alice(page: &str) {
    alice_approves(&front::behind(page)).unwrap();
}

/// At oidc-provider.
fn alice_at_another(page: &str) {
    ALICE.answer_device_page(page, true).unwrap();
}

/// She is sent back to the command.
fn alice_in_a_browser(page: &str) {
    visit(ALICE.authorize(page).unwrap().as_str());
}

#[test]
fn polars() {
    let mut shell = Shell::new(front::variables());
    shell.types("aiod-auth --profile polars status", no_page);
    shell.types("aiod-auth --profile polars login --no-browser", alice);
    shell.types("aiod-auth --profile polars token", no_page);
    shell.types("head -c 40 ~/.config/polars_cloud/config.toml; echo …", no_page);
    shell.types(
        "aiod-auth --profile polars exec -- sh -c 'echo $POLARS_CLOUD_ACCESS_TOKEN'",
        no_page,
    );
    shell.types(
        "POLARS_CLOUD_ACCESS_TOKEN=e30.eyJleHAiOjF9.c2ln aiod-auth --profile polars token",
        no_page,
    );
    shell.types("POLARS_CLOUD_CLIENT_ID=robot aiod-auth --profile polars token", no_page);
    shell.types(
        "POLARS_CLOUD_CLIENT_ID=robot POLARS_CLOUD_CLIENT_SECRET=robot-secret aiod-auth --profile polars token",
        no_page,
    );
    shell.types("aiod-auth --profile polars login --no-browser --no-save --print-token", alice);
    shell.types("aiod-auth --profile polars logout", no_page);
    shell.is_in("polars.md", "polars");
}

#[test]
fn aiod() {
    let mut shell = Shell::new(Vec::new());
    let (auth_server, api_server) = (keycloak::base(), api::address());
    let config = format!("auth_server = \"{auth_server}/\"\napi_server = \"{api_server}\"\n");
    shell.write(".aiod/config.toml", &config);
    shell.types("aiod-auth --profile aiod login --no-browser", alice);
    shell.types("aiod-auth --profile aiod whoami | head -1", no_page);
    shell.types("aiod-auth --profile aiod token --format header", no_page);
    shell.types("aiod-auth --profile aiod status --json", no_page);
    shell.types("aiod-auth --profile aiod export --format aiod token.toml", no_page);
    shell.types("aiod-auth --profile aiod logout", no_page);
    shell.types("aiod-auth --profile aiod import token.toml", no_page);
    shell.types("aiod-auth --profile aiod refresh", no_page);
    shell.is_in("aiod.md", "aiod");
}

#[test]
fn jetraw() {
    let mut shell = Shell::new(Vec::new());
    let issuer = keycloak::issuer("aiod");
    let config = format!(
        "[profiles.jetraw]\nissuer = \"{issuer}\"\nclient_id = \"jetraw-desktop\"\norganisation = \"lab\"\n"
    );
    shell.write(".config/aiod-auth/config.toml", &config);
    shell.types("cat ~/.config/aiod-auth/config.toml", no_page);
    shell.types("aiod-auth --profile jetraw login", alice_in_a_browser);
    shell.types("aiod-auth --profile jetraw status", no_page);
    shell.types("aiod-auth --profile jetraw token", no_page);
    // As an API key: the refresh token alone.
    let export = "aiod-auth --profile jetraw export --format json login.json";
    shell.types(export, no_page);
    let key = r#"sed -n 's/.*"refresh_token": *"\([^"]*\)".*/\1/p' login.json"#;
    shell
        .types(&format!("{key} | aiod-auth --profile jetraw login --refresh-token-stdin"), no_page);
    shell.types("aiod-auth --profile jetraw logout", no_page);
    shell.is_in("jetraw.md", "jetraw");
}

#[test]
fn any_provider() {
    // A user who could be shown a page.
    let mut shell = Shell::new(vec![("BROWSER".into(), "/bin/true".into())]);
    let here = issuer("AIOD_AUTH_LIVE_OIDC_PROVIDER");
    let without = issuer("AIOD_AUTH_LIVE_OIDC_PROVIDER_WITHOUT_DEVICE");
    shell.types(&format!("aiod-auth profile set lab --issuer {here} --client-id desktop --scope openid --scope profile"), no_page);
    shell.types("aiod-auth --profile lab login --no-browser", alice_at_another);
    shell.types("aiod-auth --profile lab whoami", no_page);
    shell.types("aiod-auth --profile lab token", no_page);
    shell.types("aiod-auth --profile lab refresh", no_page);
    shell.types("aiod-auth --profile lab logout", no_page);
    shell.types(&format!("aiod-auth profile set desk --issuer {without} --client-id desktop --scope openid --redirect-uri http://127.0.0.1/callback"), no_page);
    shell.types("aiod-auth --profile desk login", alice_in_a_browser);
    shell.types("aiod-auth --profile desk token", no_page);
    shell.write("bot.secret", "bot-secret");
    shell.types(&format!("aiod-auth profile set bot --issuer {here} --client-id bot --client-secret-file ~/bot.secret --scope read --resource urn:live:api"), no_page);
    shell.types("aiod-auth --profile bot token --format json", no_page);
    shell.is_in("providers.md", "providers");
}

//! What was typed: its form is checked here, its meaning in `settings.rs`.
#![expect(
    clippy::doc_markdown,
    reason = "the comments on fields and variants are the help text, which has no markup"
)]

use std::{ffi::OsString, mem, path::PathBuf, time::Duration};

use clap::{ColorChoice, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::duration;

pub(crate) use api_key::{ApiKey, CreateApiKey};
pub(crate) use transfer::{Export, ExportFormat, Import};

mod api_key;
mod transfer;

/// Log in with OAuth 2.0 or OpenID Connect, hand fresh access tokens to other programs, log out.
#[derive(Debug, Parser)]
#[command(name = "aiod-auth", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut args = Self::try_parse()?;
        // They are the key's, and not the login's.
        if let Command::ApiKey(ApiKey::Create(create)) = &mut args.command {
            create.scopes = mem::take(&mut args.global.scope);
        }
        Ok(args)
    }
}

/// What may stand before or after any command.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Use this profile of config.toml, or aiod, or polars [env: AIOD_AUTH_PROFILE]
    // Not by clap's `env`: the variable gives way to --issuer, the option can't be used with it.
    #[arg(long, global = true, help_heading = ANYWHERE, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The folder of config.toml and of the tokens [env: AIOD_AUTH_CONFIG_DIR]
    // Not by clap's `env`: an empty variable is none.
    #[arg(long, global = true, help_heading = ANYWHERE, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// Where tokens are stored: file, keyring, redis://HOST:PORT/DATABASE, memory, aiod, aiod:FILE, polars,
    /// polars:DIR, tiled, or tiled:DIR
    #[arg(long, global = true, help_heading = ANYWHERE, value_name = "URI")]
    pub(crate) store: Option<String>,
    /// Print JSON: answers on stdout, errors on stderr
    #[arg(long, global = true, help_heading = ANYWHERE)]
    pub(crate) json: bool,
    /// Say nothing but warnings, errors, and what a login needs
    #[arg(short, long, global = true, help_heading = ANYWHERE)]
    pub(crate) quiet: bool,
    /// Say which requests are made; never prints a secret
    #[arg(short, long, global = true, help_heading = ANYWHERE)]
    pub(crate) verbose: bool,
    /// When to use colours
    #[arg(long, global = true, help_heading = ANYWHERE, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,

    /// Trust the certificates in this file (PEM), too, beside the platform's
    #[arg(long, global = true, help_heading = ANYWHERE, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Show this certificate (PEM, with its key) to servers that want one
    #[arg(long, global = true, help_heading = ANYWHERE, value_name = "FILE")]
    pub(crate) client_certificate: Option<PathBuf>,

    /// Log in at this server, without a profile in config.toml
    #[arg(long, global = true, value_name = "URL", help_heading = AD_HOC)]
    pub(crate) issuer: Option<String>,
    /// Log in at this Tiled server, without a profile in config.toml: its address, or one below it
    #[arg(long, global = true, value_name = "URL", help_heading = AD_HOC)]
    pub(crate) api: Option<String>,
    /// The client's name at the server
    #[arg(long, global = true, value_name = "ID", help_heading = AD_HOC)]
    pub(crate) client_id: Option<String>,
    /// A file with the client's secret: TOML with client_secret, or the secret alone
    /// [env, the secret itself: AIOD_AUTH_CLIENT_SECRET]
    #[arg(long, global = true, value_name = "FILE", help_heading = AD_HOC)]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Ask for this scope; may be repeated
    #[arg(long, global = true, value_name = "SCOPE", help_heading = AD_HOC)]
    pub(crate) scope: Vec<String>,
    /// The API that the token is for, by its address (RFC 8707); may be repeated
    #[arg(long, global = true, value_name = "URI", help_heading = AD_HOC)]
    pub(crate) resource: Vec<String>,
    /// Send this parameter of the server's own, as Auth0's audience=URI; may be repeated
    #[arg(long, global = true, value_name = "NAME=VALUE", help_heading = AD_HOC, value_parser = parse_parameter)]
    pub(crate) parameter: Vec<(String, String)>,
    /// The login's name, to keep it apart from other logins at the same server [default: the profile's name]
    #[arg(long, global = true, value_name = "NAME", help_heading = AD_HOC)]
    pub(crate) account: Option<String>,
}

/// Another one would be no host's that git ever asks for, and git would get no token without a reason.
fn parse_host(text: &str) -> Result<String, &'static str> {
    let is_part = |part: char| part.is_alphanumeric() || "-._:[]".contains(part);
    let is_host = !text.is_empty() && text.chars().all(is_part);
    if is_host { Ok(text.into()) } else { Err("not the name of a host, such as git.example.org") }
}

fn parse_parameter(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

impl Global {
    /// Whether there is an option that only an ad hoc profile has.
    pub(crate) fn is_ad_hoc(&self) -> bool {
        self.issuer.is_some() || self.api.is_some() || self.has_options_of_issuer()
    }

    /// Whether there is an option that belongs to --issuer.
    pub(crate) fn has_options_of_issuer(&self) -> bool {
        self.client_id.is_some()
            || self.client_secret_file.is_some()
            || !self.scope.is_empty()
            || !self.resource.is_empty()
            || !self.parameter.is_empty()
    }

    /// One by one, also where several were given at once, as RFC 6749 §3.3 writes them.
    pub(crate) fn scopes(&self) -> Vec<String> {
        self.scope.iter().flat_map(|scope| scope.split_whitespace()).map(Into::into).collect()
    }
}

const ANYWHERE: &str = "With any command";
const AD_HOC: &str = "Without a profile, or for profile set";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log in, and store the tokens
    Login(Login),
    /// Print an access token that is good for a while
    Token(Token),
    /// Say who is logged in where, without using the network
    Status,
    /// Ask the server who is logged in
    Whoami,
    /// Get a new access token, however good the present one is
    Refresh,
    /// End the session at the server, then remove it here
    Logout(Logout),
    /// Make API keys of a Tiled server, look at them, or revoke them
    #[command(subcommand)]
    ApiKey(ApiKey),
    /// Run a command with a fresh token in AIOD_AUTH_ACCESS_TOKEN
    Exec(Exec),
    /// Look at the profiles in config.toml, or change them
    #[command(subcommand)]
    Profile(Profile),
    /// Write the login to a file, to take it to another machine
    Export(Export),
    /// Take over a login from a file that export wrote
    Import(Import),
    /// Print what makes a shell complete this command
    Completions(Completions),
    /// Print the manual page
    Man(Man),
}

impl Command {
    /// Whether it begins or ends a user's login, or moves one: what the environment has to authenticate with
    /// is not that.
    pub(crate) fn is_for_user(&self) -> bool {
        match self {
            Self::Login(login) => login.flow != Some(Flow::ClientCredentials),
            Self::Logout(_) | Self::Import(_) | Self::Export(_) => true,
            Self::Token(_)
            | Self::Status
            | Self::Whoami
            | Self::Refresh
            | Self::ApiKey(_)
            | Self::Exec(_)
            | Self::Profile(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    /// How to log in: auto takes what the profile says, else client credentials for a client with a
    /// secret; for one without, the device flow, or the browser where the server has no device flow
    #[arg(long)]
    pub(crate) flow: Option<Flow>,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = duration::parse_seconds)]
    pub(crate) timeout: Duration,
    /// Don't open a browser; in the browser flow, the address that it ended at can be pasted
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Which of several ways to log in, by its name: a Tiled server may have more than one
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Store nothing on disk
    #[arg(long)]
    pub(crate) no_save: bool,
    /// Print the access token to stdout
    #[arg(long)]
    pub(crate) print_token: bool,
    /// Show the link as a QR code, too
    #[arg(long)]
    pub(crate) qr: bool,
    /// Log in with a refresh token (or "API key") that is read from stdin
    #[arg(long, conflicts_with = "flow")]
    pub(crate) refresh_token_stdin: bool,
}

/// The ways to log in, as `--flow` and config.toml name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flow {
    Auto,
    Device,
    Browser,
    Password,
    ClientCredentials,
}

impl Flow {
    /// As it is written in options and in config.toml.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Token {
    /// How to print it [default: raw, or json with --json]
    #[arg(long)]
    pub(crate) format: Option<TokenFormat>,
    /// Good for at least this long: 30s, 5m, 1h, or seconds [default: 30s, or a tenth of the token's
    /// lifetime if that is less]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) min_valid: Option<Duration>,
    /// Get a new one, however good the present one is
    #[arg(long)]
    pub(crate) force_refresh: bool,
    /// The ID token in place of the access token, as kubectl's API servers with OIDC take it
    #[arg(long)]
    pub(crate) id_token: bool,
    /// With --format git: answer for this host only, as its address names it; may be repeated
    #[arg(long, value_name = "HOST", value_parser = parse_host)]
    pub(crate) host: Vec<String>,
    /// What git asks its credential helper for; git adds it by itself
    #[arg(value_name = "OPERATION", hide = true)]
    pub(crate) git_operation: Option<String>,
}

/// The forms in which other programs take a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenFormat {
    /// The token alone
    Raw,
    /// Authorization: Bearer TOKEN
    Header,
    /// With its type, its end and its scope
    Json,
    /// For kubectl: the protocol of client-go's credential plugins
    ExecCredential,
    /// For git: the protocol of its credential helpers
    Git,
    /// For curl: a line for `curl -K -`
    Curl,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Logout {
    /// Remove the login here whatever the server says
    #[arg(long)]
    pub(crate) ignore_errors: bool,
    /// Log out of every profile that has a record
    #[arg(long, conflicts_with_all = ["refresh_token_stdin", "file"])]
    pub(crate) all: bool,
    /// End the session of a refresh token (or "API key") that is read from stdin; the login that is
    /// stored here stays
    #[arg(long, conflicts_with = "file")]
    pub(crate) refresh_token_stdin: bool,
    /// End the session of the login in this file, which export or AI-on-Demand's Python client wrote;
    /// - is stdin. The file stays, and so does the login that is stored here
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The exit status is the command's own; 127 if there is no such command, and \
                        126 if it can't be run, as env(1) has it."
)]
pub(crate) struct Exec {
    /// With a token that is good for at least this long, as for token
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) min_valid: Option<Duration>,
    /// What to run, with its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// Name all profiles
    List,
    /// Show one, by default the one in use
    Show {
        /// Which one
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Add a profile, or change what is given and leave the rest
    Set(ProfileSet),
    /// Remove a profile; its tokens stay, so log out first
    Remove {
        /// Which one
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Endpoints and the other keys are set in config.toml itself.")]
pub(crate) struct ProfileSet {
    /// Which one
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// How to log in
    #[arg(long)]
    pub(crate) flow: Option<Flow>,
    /// Where the browser comes back to, if the server takes one address only: http://127.0.0.1/callback; any free port if it has none
    #[arg(long, value_name = "URI")]
    pub(crate) redirect_uri: Option<String>,
    /// For which organisation of Jetraw
    #[arg(long, value_name = "NAME")]
    pub(crate) organisation: Option<String>,
    /// Use it where no profile is named
    #[arg(long)]
    pub(crate) default: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Write a page for each command into this folder, in place of printing the main one
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds() {
        Args::command().debug_assert();
    }

    /// `clap_complete` writes them between double quotes for fish, and masks nothing.
    #[test]
    fn what_is_said_of_a_value_is_no_end_of_a_string() {
        let mut said = 0;
        let mut command = Args::command();
        command.build();
        for command in command.get_subcommands() {
            for value in command.get_arguments().flat_map(clap::Arg::get_possible_values) {
                let help = value.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.contains(['"', '$', '\\']), "{help}");
                said += usize::from(!help.is_empty());
            }
        }
        assert!(said > 5, "{said}");
    }

    #[test]
    fn global_options_stand_anywhere_and_a_commands_own_belong_to_it() {
        for line in ["--json --profile lab exec ls -l", "exec --json --profile lab -- ls -l"] {
            let args =
                Args::try_parse_from(["aiod-auth"].into_iter().chain(line.split(' '))).unwrap();
            assert!(args.global.json, "{line}");
            assert_eq!(args.global.profile.as_deref(), Some("lab"), "{line}");
            let Command::Exec(exec) = args.command else { panic!("{line}") };
            assert_eq!(exec.command, ["ls", "-l"], "{line}");
        }
    }
}

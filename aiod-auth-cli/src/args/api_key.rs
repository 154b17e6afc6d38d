//! `api-key`: what stands for a login at a Tiled server.
#![expect(clippy::doc_markdown, reason = "help text, which has no markup")]

use std::time::Duration;

use aiod_auth_core::provider::tiled::parse_lifetime;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum ApiKey {
    /// Make a new one, and print it: the server says it this once
    Create(CreateApiKey),
    /// Describe all of yours
    List,
    /// Describe the one that is in use, in TILED_API_KEY
    Which,
    /// Revoke one of yours
    Revoke {
        /// The first eight characters of it; a whole key is cut
        #[arg(value_name = "FIRST_EIGHT")]
        first_eight: String,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "With --scope SCOPE, it may do no more than that; else all that you may.")]
pub(crate) struct CreateApiKey {
    /// How long it is good for: a number with one of the units s, m, h, d, y [default: as long as the server
    /// allows]
    #[arg(long, value_name = "LIFETIME", value_parser = lifetime)]
    pub(crate) expires_in: Option<Duration>,
    /// A note for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Only for what has this access tag; may be repeated [default: for all that you may]
    #[arg(long = "access-tag", value_name = "TAG")]
    pub(crate) access_tags: Vec<String>,
    /// From the global option.
    #[arg(skip)]
    pub(crate) scopes: Vec<String>,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    parse_lifetime(text).map_err(|error| error.to_string())
}

//! Logins that travel: `export` and `import`.

use std::path::PathBuf;

use clap::ValueEnum;

#[derive(Debug, clap::Args)]
#[command(after_help = "To have the file is to be logged in. It is the same session in both \
                        places: where the server gives out each refresh token once, go on with \
                        one of them only.")]
pub(crate) struct Export {
    /// What kind of file
    #[arg(long)]
    pub(crate) format: ExportFormat,
    /// Replace a file that is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Which file, or folder; - is stdout
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// The kinds of files in which a login travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// All of it, for another aiod-auth
    Json,
    /// AI-on-Demand's token.toml, for its Python client
    Aiod,
    /// Polars Cloud's folder, for its Python client: what POLARS_CLOUD_CONFIG_DIR names
    Polars,
    /// Tiled's folder, for its Python client: what TILED_CACHE_DIR names
    Tiled,
}

impl ExportFormat {
    /// Whether it is no single file.
    pub(crate) const fn is_folder(self) -> bool {
        matches!(self, Self::Polars | Self::Tiled)
    }

    /// As it is written in options.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Asks no server; whoami does.")]
pub(crate) struct Import {
    /// Replace a newer login
    #[arg(long)]
    pub(crate) force: bool,
    /// Which file, or Tiled's or Polars Cloud's folder; - is stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

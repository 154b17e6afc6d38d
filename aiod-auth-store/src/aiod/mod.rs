//! What AI-on-Demand's Python client (`aiondemand`) keeps in `~/.aiod`: tokens and settings.

use std::path::PathBuf;

use crate::StoreError;

pub use config::AiodConfig;
pub use text::AiodLogin;
pub use token_file::AiodFile;

mod config;
mod text;
mod token_file;

/// Where that client's files are: `.aiod` in the user's home folder.
fn folder() -> Result<PathBuf, StoreError> {
    let home = etcetera::home_dir().map_err(|_| StoreError::NoHome)?;
    // An empty HOME would be wherever the program was started.
    if home.is_absolute() { Ok(home.join(".aiod")) } else { Err(StoreError::NoHome) }
}

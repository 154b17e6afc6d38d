//! What every command needs: the global options, a way to print, and what holds Ctrl-C off.

use std::{env, path::PathBuf};

use aiod_auth_store::default_config_folder;

use crate::{
    args::Global, config::Config, failure::Failure, interrupt::Interrupt, logger, print::Printer,
    stored::Clients,
};

/// What stands around a command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) printer: Printer,
    pub(crate) interrupt: Interrupt,
    pub(crate) clients: Clients,
    /// The command is about a user's login, whatever else the environment has to authenticate with.
    pub(crate) is_for_user: bool,
}

impl Context {
    pub(crate) fn new(global: Global, is_for_user: bool) -> Self {
        let printer = Printer::new(&global);
        logger::install(&printer, global.verbose);
        let interrupt = Interrupt::default();
        interrupt.install(&printer);
        Self { global, printer, interrupt, clients: Clients::default(), is_for_user }
    }

    pub(crate) fn config_folder(&self) -> Result<PathBuf, Failure> {
        // A variable that is empty is not set.
        let named = || env::var_os("AIOD_AUTH_CONFIG_DIR").map(PathBuf::from);
        match self.global.config_dir.clone().or_else(named) {
            Some(folder) if !folder.as_os_str().is_empty() => Ok(folder),
            Some(_) | None => Ok(default_config_folder()?),
        }
    }

    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Config::read(&self.config_folder()?)
    }
}

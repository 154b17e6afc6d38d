//! What every command needs: the global options, a way to print, and what holds Ctrl-C off.

use std::{
    env, mem,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use aiod_auth_core::RecordKey;
use aiod_auth_store::{Store, default_config_folder};
use aiod_auth_ureq::Client;

use crate::{
    args::Global, config::Config, failure::Failure, interrupt::Interrupt, logger, print::Printer,
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

/// The clients that a command has made: what they have got has to be stored when it ends. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(Arc<Mutex<Vec<Made>>>);

/// A client, its store, and its record there.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) client: Client,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: RecordKey,
}

impl Clients {
    pub(crate) fn add(&self, made: Made) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }

    /// All of them; from then on there is none.
    pub(crate) fn take(&self) -> Vec<Made> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
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

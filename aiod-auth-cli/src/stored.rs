//! What is said when new tokens could not be stored: the one place that decides whether that is a failure.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use aiod_auth_core::{Kind, RecordKey, Tokens, session::Persisted};
use aiod_auth_store::Store;
use aiod_auth_ureq::Client;

use crate::{failure::Failure, print::Printer};

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

/// Whether what a command has got is there for the next one.
#[derive(Debug, Default)]
pub(crate) enum Stored {
    #[default]
    Yes,
    /// No, and nothing is lost by it.
    NotNeeded(Failure),
    /// No, and the only refresh token that is alive ends with this process.
    Lost(Failure),
}

impl Stored {
    /// The worst of all that a command has got until now; what else was not stored is said here. It is said once.
    pub(crate) fn of(clients: &Clients, printer: &Printer) -> Self {
        Self::worst(clients.take().iter().map(Self::by), printer)
    }

    fn worst(each: impl Iterator<Item = Self>, printer: &Printer) -> Self {
        let mut worst = Self::Yes;
        for mut other in each {
            if other.is_worse_than(&worst) {
                mem::swap(&mut other, &mut worst);
            }
            other.warn(printer);
        }
        worst
    }

    const fn is_worse_than(&self, other: &Self) -> bool {
        match self {
            Self::Yes => false,
            Self::NotNeeded(_) => matches!(other, Self::Yes),
            Self::Lost(_) => !matches!(other, Self::Lost(_)),
        }
    }

    fn by(made: &Made) -> Self {
        let Some(session) = made.client.cached() else { return Self::Yes };
        let Persisted::NotSaved(failure) = session.persisted else { return Self::Yes };
        Self::after(failure.into(), &*made.store, &made.key, &session.tokens)
    }

    /// These tokens could not be saved there.
    pub(crate) fn after(
        failure: Failure,
        store: &dyn Store,
        key: &RecordKey,
        tokens: &Tokens,
    ) -> Self {
        let Some(token) = &tokens.refresh_token else {
            // A client gets another token by itself; an access token alone expires.
            return Self::NotNeeded(failure);
        };
        // Servers that rotate none give the same refresh token again; and a store may have what it could not
        // put in its place.
        let stored = store.load(key).ok().flatten().and_then(|it| it.refresh_token);
        match stored.is_some_and(|stored| stored.same_as(token)) {
            true => Self::NotNeeded(failure),
            false => Self::Lost(failure),
        }
    }

    /// After the token was handed out.
    pub(crate) fn report(self, printer: &Printer) -> Result<(), Failure> {
        match self {
            Self::Yes => Ok(()),
            Self::NotNeeded(failure) => {
                printer.warn(&not_stored(&failure));
                Ok(())
            }
            Self::Lost(mut failure) => {
                failure.message = not_stored(&failure);
                Err(lost(failure))
            }
        }
    }

    /// Where the exit status is another program's, or another failure's.
    pub(crate) fn warn(self, printer: &Printer) {
        if let Err(Failure { message, hint, .. }) = self.report(printer) {
            let next = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            printer.warn(&format!("{message}{next}"));
        }
    }
}

/// Where the refresh token that was not saved is the only one that is alive.
pub(crate) fn lost(failure: Failure) -> Failure {
    let message = format!("{}, and the login may be lost", failure.message);
    let hint = failure.hint.unwrap_or_else(|| "mend the store".into());
    Failure::new(Kind::Store, message).with_hint(format!("{hint}, then log in again"))
}

fn not_stored(failure: &Failure) -> String {
    format!("this token was not saved: {}", failure.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_what_a_command_ends_with() {
        let failure = |words| Failure::new(Kind::Store, words);
        let each = || [Stored::NotNeeded(failure("a")), Stored::Lost(failure("b")), Stored::Yes];
        let worst = Stored::worst(each().into_iter(), &Printer::silent());
        assert!(matches!(worst, Stored::Lost(failure) if failure.message == "b"));
        let worst = Stored::worst(each().into_iter().rev(), &Printer::silent());
        assert!(matches!(worst, Stored::Lost(failure) if failure.message == "b"));
    }
}

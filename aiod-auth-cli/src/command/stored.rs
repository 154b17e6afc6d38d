//! What is said when new tokens could not be stored: the one place that decides whether that is a failure.

use aiod_auth_core::{Kind, RefreshToken, session::Persisted};

use crate::{
    context::{Context, Made},
    failure::Failure,
};

/// Whether what a command has got is there for the next one.
#[derive(Debug)]
pub(super) enum Stored {
    Yes,
    /// No, and nothing is lost by it.
    NotNeeded(Failure),
    /// No, and the only refresh token that is alive ends with this process.
    Lost(Failure),
}

impl Stored {
    /// Of all that a command has got until now. It is said once.
    pub(super) fn of(context: &Context) -> Self {
        let mut worst = Self::Yes;
        for made in context.clients.take() {
            match (Self::by(&made), &worst) {
                (Self::Yes, _) | (Self::NotNeeded(_), Self::Lost(_)) => {}
                (worse, _) => worst = worse,
            }
        }
        worst
    }

    fn by(made: &Made) -> Self {
        let Some(session) = made.client.cached() else { return Self::Yes };
        let Persisted::NotSaved(failure) = session.persisted else { return Self::Yes };
        let failure = Failure::from(failure);
        match &session.tokens.refresh_token {
            Some(token) if !is_stored(made, token) => Self::Lost(failure),
            // A client gets another token by itself; an access token alone expires.
            Some(_) | None => Self::NotNeeded(failure),
        }
    }

    /// After the token was handed out.
    pub(super) fn report(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Yes => Ok(()),
            Self::NotNeeded(failure) => {
                context.printer.warn(&not_stored(&failure));
                Ok(())
            }
            Self::Lost(mut failure) => {
                failure.message = not_stored(&failure);
                Err(lost(failure))
            }
        }
    }

    /// Where the exit status is another program's, or another failure's.
    pub(super) fn warn(self, context: &Context) {
        if let Err(failure) = self.report(context) {
            context.printer.warn(&failure.message);
        }
    }
}

/// Where the refresh token that was not saved is the only one that is alive.
pub(super) fn lost(failure: Failure) -> Failure {
    let message = format!("{}, and the login may be lost", failure.message);
    let hint = failure.hint.unwrap_or_else(|| "mend the store".into());
    Failure::new(Kind::Store, message).with_hint(format!("{hint}, then log in again"))
}

fn not_stored(failure: &Failure) -> String {
    format!("this token was not saved: {}", failure.message)
}

/// Servers that rotate none give the same refresh token again; and a store may have what it could not put
/// in its place.
fn is_stored(made: &Made, token: &RefreshToken) -> bool {
    let stored = made.store.load(&made.key).ok().flatten().and_then(|it| it.refresh_token);
    stored.is_some_and(|stored| stored.same_as(token))
}

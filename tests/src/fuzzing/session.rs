//! Everything that stands above the flows: tokens that are kept, and who needs them.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    Error, Profile, RefreshToken,
    session::{Demand, Logout, Session, SessionTokens, WhoAmI},
};
use arbitrary::Arbitrary;

use super::{
    CANARY,
    login::Client,
    script::Script,
    stage::Stage,
};

/// Two jobs one after the other, with one store, and what happens around them.
#[derive(Arbitrary, Debug)]
pub struct SessionScript {
    client: Client,
    /// Tokens that are in the store at first, and how many seconds ago they expired.
    stored: Option<i16>,
    jobs: [Job; 2],
    around: Script,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Job {
    Token { force: bool, early: bool, min_valid_s: Option<u16>, login_limit_s: Option<u8> },
    Login { limit_s: u8 },
    LoginWithRefreshToken,
    WhoAmI,
    Logout { ignoring_errors: bool },
}

/// Plays a script around two jobs. Returns how the second one ended: the word of an error's kind, or
/// `done`.
///
/// # Panics
/// Something that must hold did not.
#[must_use]
pub fn machine_session(script: &SessionScript) -> &'static str {
    // Whatever happens, nobody sees a token before it is kept, and no session is lost or removed.
    let Ok(profile) = script.client.profile() else { return "config" };
    let mut stage = Stage::new(&script.around);
    if let Some(expired_s) = script.stored {
        let mut tokens = stage.answerer.tokens(stage.now());
        let ago = Duration::from_secs(expired_s.unsigned_abs().into());
        tokens.expires_at = Some(if expired_s < 0 {
            stage.now().saturating_add(ago)
        } else {
            stage.now().saturating_sub(ago)
        });
        stage.records.stored = Some(Arc::new(tokens));
    }
    let mut held = None;
    let mut ending = "done";
    for job in script.jobs {
        ending = match job.play(&mut stage, &profile, script, &mut held) {
            Ok(()) => "done",
            Err(error) => error.kind().as_str(),
        };
    }
    ending
}

impl Job {
    fn play(
        self,
        stage: &mut Stage<'_>,
        profile: &Arc<Profile>,
        script: &SessionScript,
        held: &mut Option<SessionTokens>,
    ) -> Result<(), Error> {
        let (profile, policy) = (Arc::clone(profile), script.around.policy.retry_policy());
        let before = held.take();
        stage.records.begin(self);
        let outcome = match self {
            Self::Token { .. } => {},
        };
        Ok(())
    }
}

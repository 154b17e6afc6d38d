//! Everything that stands above the flows: tokens that are kept, and who needs them.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    Error, Profile, RefreshToken, RetryPolicy, Timestamp,
    session::{Demand, Held, Logout, Session, SessionTokens, WhoAmI},
};
use arbitrary::Arbitrary;

use super::{deviating::Deviating, login::Client, script::Script, stage::Stage};

/// Two jobs one after the other, with one store, and what happens around them.
#[derive(Arbitrary, Debug)]
pub struct SessionScript {
    deviating: Option<Deviating>,
    client: Client,
    /// There are tokens in the store at first, which expired so many seconds ago.
    stored_expired_s: Option<i16>,
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
    let deviating = script.deviating.unwrap_or_default();
    let Ok(profile) = script.client.profile(deviating) else { return "config" };
    let mut stage = Stage::new(&script.around);
    stage.answerer.error_at = deviating.error_at();
    if let Some(expired_s) = script.stored_expired_s {
        let now_ms = stage.time.now().as_unix_millis();
        let mut tokens = stage.answerer.tokens(stage.time.now());
        let expired_ms = i64::from(expired_s).saturating_mul(1000);
        tokens.expires_at = Some(Timestamp::from_unix_millis(now_ms.saturating_sub(expired_ms)));
        stage.records.stored = Some(Arc::new(tokens));
    }
    let policy = script.around.policy.retry_policy();
    let mut held = Held::default();
    let mut ending = "done";
    for job in script.jobs {
        ending = match job.run(&mut stage, Arc::clone(&profile), policy, &mut held) {
            Ok(()) => "done",
            Err(error) => error.kind().as_str(),
        };
    }
    ending
}

impl Job {
    /// As the clients do it: what comes of it is `held`.
    fn run(
        self,
        stage: &mut Stage<'_>,
        profile: Arc<Profile>,
        policy: RetryPolicy,
        held: &mut Held,
    ) -> Result<(), Error> {
        stage.records.begin(
            matches!(self, Self::Logout { .. }),
            !matches!(self, Self::LoginWithRefreshToken),
        );
        let outcome = match self {
            Self::Token { force, early, min_valid_s, login_limit_s } => {
                let mut demand = Demand::new();
                (demand.force, demand.early) = (force, early);
                demand.min_valid = min_valid_s.map(|s| Duration::from_secs(s.into()));
                let mut session = Session::token(profile, demand, policy);
                if let Some(limit_s) = login_limit_s {
                    session = session.or_login(Duration::from_secs(limit_s.into()));
                }
                stage.time.begin();
                run_session(stage, session, held).1.map(|_| ())
            }
            Self::Login { limit_s } => {
                let limit = Duration::from_secs(limit_s.into());
                run_login(stage, Session::login(profile, limit, policy), held)
            }
            Self::LoginWithRefreshToken => {
                let token = RefreshToken::new(stage.answerer.secret());
                let session = Session::login_with_refresh_token(profile, token, policy);
                run_login(stage, session, held)
            }
            Self::WhoAmI => {
                stage.time.begin();
                who_am_i(stage, WhoAmI::new(profile, policy), held)
            }
            Self::Logout { ignoring_errors } => {
                let logout = Logout::new(profile, held.tokens().cloned(), policy);
                let mut logout = if ignoring_errors { logout.ignoring_errors() } else { logout };
                stage.play(&mut logout).map(|_| *held = held.after_logout())
            }
        };
        stage.records.end(outcome.as_ref().err());
        outcome
    }
}

fn run_session(
    stage: &mut Stage<'_>,
    session: Session,
    held: &mut Held,
) -> (Session, Result<SessionTokens, Error>) {
    let mut session = session.with_held(held.tokens().cloned());
    let outcome = stage.go_on(&mut session);
    if let Ok(tokens) = &outcome {
        stage.records.hands_out(tokens, held.tokens());
    }
    *held = held.after(&outcome, session.left(), session.policy());
    stage.records.hands_over(held.tokens());
    (session, outcome)
}

fn run_login(stage: &mut Stage<'_>, session: Session, held: &mut Held) -> Result<(), Error> {
    let mut session = session.with_held(held.tokens().cloned());
    let outcome = stage.play(&mut session);
    if let Ok(tokens) = &outcome {
        stage.records.hands_out(tokens, held.tokens());
    }
    *held = held.after_login(held, &outcome, session.left());
    stage.records.hands_over(held.tokens());
    // The clients hold it only if they hold nothing else.
    stage.records.hands_over(session.left());
    outcome.map(|_| ())
}

fn who_am_i(stage: &mut Stage<'_>, mut who: WhoAmI, held: &mut Held) -> Result<(), Error> {
    loop {
        let (session, outcome) = run_session(stage, who.session(who.demand()), held);
        let tokens = who.got(&session, outcome)?;
        let mut request = who.request(&tokens)?;
        let outcome = stage.go_on(&mut request);
        if let Some(outcome) = who.answered(&request, outcome) {
            return outcome.map(|_| ());
        }
    }
}

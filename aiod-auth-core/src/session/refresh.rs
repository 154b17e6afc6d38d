//! One refresh under the store's lock, with its attempts: the part of a session that must not lose a
//! token.

use alloc::{borrow::ToOwned, sync::Arc};
use core::time::Duration;

use super::{Freshness, acquire::Acquire, lock::Locked, tokens::newest};
use crate::{
    error::{Endpoint, Error, ErrorCode, Problem},
    login::check_time_for_refresh,
    machine::{Failed, Reason},
    retry::Resend,
    secret::RefreshToken,
    time::Timestamp,
    token::{Refusal, Tokens},
    token_server::{Redemption, TokenServer},
    wire::{
        answer,
        id_token::{UserIs, user_of_refresh},
    },
};

/// What came of it.
pub(super) enum Refreshed {
    /// A program that takes no lock (a platform's own client) has stored these, and they are good.
    Found(Arc<Tokens>),
    /// To be saved before a caller sees it.
    New(Tokens),
    /// No tokens; but a new refresh token came with a malformed answer, and these are to be saved.
    Salvaged(Error, Tokens),
    /// Nothing; and the record is to be marked, so that the server isn't asked again at once.
    Refused(Error, Tokens),
}

impl Acquire<'_> {
    /// A refresh token goes out again only after the store was read again: once if the connection ended
    /// without an answer; and where the store holds another one by then, once with that.
    pub(super) async fn refresh(
        &self,
        lock: &mut Locked<'_>,
        server: TokenServer<'_>,
        mut tokens: Arc<Tokens>,
    ) -> Result<Refreshed, Error> {
        let (io, deadline) = (self.io, self.deadline);
        let mut policy = self.policy();
        let (mut is_other, mut lost_attempts) = (false, 0_u32);
        loop {
            let sent = Arc::clone(&tokens);
            let Some(refresh_token) = &sent.refresh_token else {
                return Err(Error::Internal("refresh"));
            };
            check_time_for_refresh(io, deadline)?;
            let (profile, resend) = (&*self.context.profile, Resend::IfAnswered);
            let tokens_before = Some(&*sent);
            let redemption = Redemption { profile, refresh_token, tokens_before, policy, resend };
            let mut error = match server.redeem(io, redemption, deadline, Reason::Retry).await {
                Ok(new) => return self.check_user(&sent, new),
                Err(Failed { error, salvaged, .. }) => {
                    if let Some(new) = salvaged.and_then(|salvaged| salvaged.refresh_token) {
                        return Ok(Refreshed::Salvaged(error, with_refresh_token(&sent, new)));
                    }
                    error
                }
            };
            let is_lost = matches!(error, Error::OutcomeUnknown { .. });
            if lost_attempts > 0
                && matches!(error, Error::OutcomeUnknown { .. } | Error::Unreachable { .. })
            {
                // Whatever happened to the last one, what came of the one before is unknown.
                return Err(error.after_lost(lost_attempts));
            }
            if let (Error::Refused(_), refused @ Some(_)) = (&error, refusal(&error, io.now())) {
                let marked = Tokens { refused, ..Tokens::clone(&sent) };
                return Ok(Refreshed::Refused(error, marked));
            }
            if !is_lost && !matches!(error, Error::SessionEnded(_)) {
                return Err(error);
            }
            // What can't be read must not be overwritten, by a mark least of all.
            let Ok(stored) = lock.load().await else { return Err(error) };
            match self.other_than(refresh_token, stored.clone(), is_lost) {
                Some(other) if !is_other => {
                    if self.target.freshness(&other, io.now()) == Freshness::Good {
                        return Ok(Refreshed::Found(other));
                    }
                    (tokens, is_other) = (other, true);
                }
                _ if is_lost => {
                    // It may still come, or has, and the server has seen the refresh token then.
                    if let Error::OutcomeUnknown { cause, .. } = &error
                        && cause.forbids_resend()
                    {
                        return Err(error);
                    }
                    let pause = policy.delay(1).max(Duration::from_millis(1));
                    io.wait(pause, Reason::Retry).await;
                    if check_time_for_refresh(io, deadline).is_err() {
                        return Err(error);
                    }
                    (lost_attempts, policy.attempts) = (error.attempts(), 1);
                }
                _ => {
                    // An interrupted refresh may have spent it: the answer got lost with the process.
                    if let Error::SessionEnded(verdict) = &mut error
                        && let Some(at) = lock.interrupted_at.filter(|_| !is_other)
                    {
                        verdict.blame_interruption(at);
                    }
                    // The record stays until a new login replaces it, marked, if it holds the dead one.
                    let stored = stored.filter(|stored| stored.has(refresh_token));
                    let Some(stored) = stored else { return Err(error) };
                    let (session_ended_at, refused) = (Some(io.now()), refusal(&error, io.now()));
                    let marked = Tokens { session_ended_at, refused, ..Tokens::clone(&stored) };
                    return Ok(Refreshed::Refused(error, marked));
                }
            }
        }
    }

    /// Other tokens with another refresh token than the one that was sent. Those of a session that is known to
    /// have ended are none: a verdict on them would be taken for one on what was sent. Neither are those that
    /// what is cached has replaced, and that are stored since it could not be saved: they are spent. And
    /// after a lost answer what is cached is none: it is older than what was sent.
    fn other_than(
        &self,
        sent: &RefreshToken,
        stored: Option<Arc<Tokens>>,
        is_lost: bool,
    ) -> Option<Arc<Tokens>> {
        let cached = newest(None, self.cached).filter(|_| !is_lost);
        let is_other = |tokens: &Arc<Tokens>| {
            tokens.session_ended_at.is_none()
                && !self.cached.is_some_and(|cached| cached.replaces.is_of(tokens))
                && tokens.refresh_token.is_some()
                && !tokens.has(sent)
        };
        [stored, cached].into_iter().flatten().find(is_other)
    }

    /// OpenID Connect Core §12.2: the new ID token is about the same user.
    fn check_user(&self, old: &Tokens, mut new: Tokens) -> Result<Refreshed, Error> {
        let malformed = |problem| answer::malformed(Endpoint::Token, None, problem);
        let client_id = self.context.profile.client().id();
        match user_of_refresh(old.id_token.as_ref(), new.id_token.as_ref(), client_id) {
            UserIs::Same => {}
            UserIs::Unknown => new.id_token = None,
            UserIs::Other => return Err(malformed(Problem::OtherSubject)),
            UserIs::Refused(problem) => {
                let error = malformed(problem);
                let Some(token) = new.refresh_token else { return Err(error) };
                return Ok(Refreshed::Salvaged(error, with_refresh_token(old, token)));
            }
        }
        Ok(Refreshed::New(new.inheriting(old)))
    }
}

/// What the record remembers of a refusal: the server's word, and when. A refusal of the client itself is
/// mended in the configuration, of which the record knows nothing.
fn refusal(error: &Error, at: Timestamp) -> Option<Refusal> {
    let (Error::Refused(refused) | Error::SessionEnded(refused)) = error else { return None };
    let code = refused.code.as_ref().map(|code| code.as_str().to_owned());
    (refused.code != Some(ErrorCode::InvalidClient)).then_some(Refusal { at, code })
}

/// What there was, with a new refresh token.
fn with_refresh_token(tokens: &Tokens, refresh_token: RefreshToken) -> Tokens {
    // It is alive, whatever was said of the one before.
    let (session_ended_at, refused) = (None, None);
    Tokens { refresh_token: Some(refresh_token), session_ended_at, refused, ..tokens.clone() }
}

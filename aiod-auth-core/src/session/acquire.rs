//! Tokens that are good for at least as long as is asked for, without asking the user.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{
    Context, Freshness, Persisted, SessionTokens, Version,
    freshness::{Target, is_from_the_future, is_usable},
    lock::{Locked, NotLocked, Saved, load, under_lock},
    plan::{Plan, Situation, is_only_itself, is_own},
    refresh::{Refresh, Refreshed},
    tokens::newest,
};
use crate::{
    error::{Endpoint, Error, ErrorCode, ServerError, StoreFailure},
    flow::client_credentials::client_credentials,
    machine::{Deadline, Failed, Io},
    provider::tiled,
    retry::RetryPolicy,
    token::Tokens,
    token_server::TokenServer,
};

/// Acquires tokens: cached, or stored, or by refresh, or by client credentials; and keeps them.
pub(super) struct Acquire<'a> {
    context: &'a Context,
    /// What the caller has, until its refresh token is spent.
    cached: Option<&'a SessionTokens>,
    target: Target,
    left_alone: Option<Error>,
    /// What is there is still good: a refresh is early, and its failure is none.
    is_early: bool,
}

impl<'a> Acquire<'a> {
    /// `left_alone`: the server asked for it, and this error says so. Then only the store is looked at.
    pub(super) const fn new(
        context: &'a Context,
        target: Target,
        left_alone: Option<Error>,
    ) -> Self {
        Self { context, cached: context.cached.as_ref(), target, left_alone, is_early: false }
    }

    pub(super) async fn run(mut self, io: &Io) -> Result<SessionTokens, Failed> {
        let deadline = Deadline::within(io, self.context.policy.time_limit);
        match self.acquire(io, deadline).await {
            Err(unacquired) if self.is_early => self.early_refresh_failed(io, unacquired),
            outcome => outcome.map_err(Failed::from),
        }
    }

    async fn acquire(&mut self, io: &Io, deadline: Deadline) -> Result<SessionTokens, Unacquired> {
        let (context, key) = (self.context, &self.context.key);
        if let Some(cached) = &context.cached {
            self.is_early = self.look_at(&cached.tokens, io) == Freshness::RefreshEarly;
        }
        let stored = load(io, key).await?;
        let plan = self.plan(io, stored);
        if matches!(plan, Plan::Refresh(_) | Plan::ClientCredentials)
            && let Some(error) = self.left_alone.take()
        {
            return Err(error.into());
        }
        match plan {
            Plan::Use(tokens) => return Ok(self.session_of(tokens)),
            Plan::Refresh(ref tokens) => {
                self.is_early |= self.look_at(tokens, io) == Freshness::RefreshEarly;
            }
            Plan::ClientCredentials => {}
            plan @ (Plan::SessionEnded | Plan::Refused(_) | Plan::LogIn { .. }) => {
                return Err(self.nothing_to_do(plan));
            }
        }
        // Before the lock: a server that is slow must not make other processes wait.
        let (profile, policy) = (&context.profile, self.policy());
        let (oauth, tiled);
        let server = match profile.tiled() {
            None => {
                let needed = &[Endpoint::Token];
                oauth = context.metadata.find(io, profile, needed, &policy, deadline).await?;
                TokenServer::OAuth(&oauth)
            }
            Some(settings) => {
                let asked = tiled::Server::ask(io, &settings.api, &policy, deadline);
                tiled = Box::pin(asked).await?;
                TokenServer::Tiled(&tiled)
            }
        };
        // They may have become old while the server was looked for.
        self.is_early &= self.target.first_while_good(io.now()).is_some();
        // The holder of the lock is refreshing already.
        let lock_end = if self.is_early { Deadline::within(io, Duration::ZERO) } else { deadline };
        let mut lock = match Locked::take(io, key, lock_end).await {
            Ok(lock) => lock,
            // A bot's secret may be mounted where nothing can be written.
            Err(NotLocked { failure, is_busy: false })
                if matches!(plan, Plan::ClientCredentials) =>
            {
                let tokens = Arc::new(self.client_credentials(io, server, deadline).await?);
                return Ok(SessionTokens::new(key, tokens, Persisted::NotSaved(failure)));
            }
            Err(not_locked) => return Err(Error::from(not_locked).into()),
        };
        let outcome = self.acquire_under(io, &mut lock, server, deadline).await;
        lock.give_back().await;
        outcome
    }

    /// Under the lock: looks again, since another process may have been faster; gets new tokens; saves
    /// them before a caller sees them. Where another login is stored by then, that one is used: once.
    async fn acquire_under(
        &mut self,
        io: &Io,
        lock: &mut Locked<'_>,
        server: TokenServer<'_>,
        deadline: Deadline,
    ) -> Result<SessionTokens, Unacquired> {
        let key = &self.context.key;
        let mut stored = lock.load().await?;
        for round in 0.. {
            let is_only_itself = is_only_itself(&self.context.profile);
            if is_only_itself {
                lock.pass_over_users(stored.as_deref());
            }
            let plan = self.plan(io, stored);
            if round > 1 && !matches!(plan, Plan::Use(_)) {
                break;
            }
            let (tokens, error) = match plan {
                Plan::Use(tokens) => return Ok(self.session_of(tokens)),
                Plan::Refresh(tokens) => {
                    lock.prepare().await?;
                    let (context, cached, target) = (self.context, self.cached, &self.target);
                    let policy = self.policy();
                    let refresh = Refresh { context, cached, target, server, policy, deadline };
                    match Box::pin(refresh.run(io, lock, tokens)).await? {
                        Refreshed::Found(tokens) => return Ok(self.session_of(tokens)),
                        Refreshed::New(tokens) => (tokens, None),
                        Refreshed::Salvaged(error, tokens) => (tokens, Some(error)),
                        Refreshed::Refused(error, marked) => {
                            // It holds no new token: one try is enough.
                            let once = Deadline::within(io, Duration::ZERO);
                            match lock.save(Arc::new(marked), once).await {
                                Saved::Persisted(_) => return Err(error.into()),
                                Saved::Conflict(theirs) => {
                                    (stored, self.cached) = (Some(theirs), None);
                                    continue;
                                }
                            }
                        }
                    }
                }
                Plan::ClientCredentials => {
                    (self.client_credentials(io, server, deadline).await?, None)
                }
                plan @ (Plan::SessionEnded | Plan::Refused(_) | Plan::LogIn { .. }) => {
                    return Err(self.nothing_to_do(plan));
                }
            };
            let tokens = Arc::new(tokens);
            let persisted = match lock.save(Arc::clone(&tokens), deadline).await {
                Saved::Persisted(persisted) => persisted,
                Saved::Conflict(_) if is_only_itself => Persisted::NotSaved(
                    StoreFailure::new("the login of a user is stored")
                        .with_hint("choose another store for it"),
                ),
                Saved::Conflict(theirs) => {
                    // What is cached has been spent, or theirs goes before it.
                    (stored, self.cached) = (Some(theirs), None);
                    continue;
                }
            };
            // What the caller has unsaved is spent by now: these take its place.
            let is_in_store_alone = persisted == Persisted::Saved && !self.has_unsaved();
            let replaces = lock.version().clone();
            let session = SessionTokens::new(key, tokens, persisted).replacing(replaces);
            return match error {
                None => Ok(session),
                Some(error) => {
                    let salvaged = (!is_in_store_alone).then_some(session);
                    Err(Unacquired { error, salvaged })
                }
            };
        }
        let failure = StoreFailure::new("another program keeps changing the stored login")
            .with_hint("wait for it, or end it");
        Err(Error::Store(failure).into())
    }

    async fn client_credentials(
        &self,
        io: &Io,
        server: TokenServer<'_>,
        deadline: Deadline,
    ) -> Result<Tokens, Error> {
        let (profile, policy) = (&self.context.profile, self.policy());
        let server = server.for_clients()?;
        // It salvages nothing: RFC 6749 §4.4.3.
        let outcome = client_credentials(io, server, profile, policy, deadline).await;
        outcome.map_err(|failed| failed.error)
    }

    fn plan(&mut self, io: &Io, stored: Option<Arc<Tokens>>) -> Plan {
        let (profile, target) = (&self.context.profile, &self.target);
        let situation = Situation { profile, target, stored, cached: self.cached, now: io.now() };
        let plan = situation.plan();
        if let Some(tokens) = situation.tokens() {
            self.target.note_first(&tokens);
        }
        plan
    }

    fn look_at(&mut self, tokens: &Arc<Tokens>, io: &Io) -> Freshness {
        let freshness = self.target.freshness(tokens, io.now());
        self.target.note_first(tokens);
        freshness
    }

    fn policy(&self) -> RetryPolicy {
        let mut policy = self.context.policy;
        if self.is_early {
            // While the old one is good, one attempt is enough.
            policy.attempts = 1;
        }
        policy
    }

    fn has_unsaved(&self) -> bool {
        self.context.cached.as_ref().is_some_and(|cached| !cached.is_settled())
    }

    fn session_of(&self, tokens: Arc<Tokens>) -> SessionTokens {
        let (persisted, replaces) = match self.cached {
            Some(cached) if Arc::ptr_eq(&cached.tokens, &tokens) => {
                (cached.persisted.clone(), cached.replaces.clone())
            }
            _ => (Persisted::Saved, Version::default()),
        };
        SessionTokens::new(&self.context.key, tokens, persisted).replacing(replaces)
    }

    /// An early refresh that fails is no failure while the old tokens are good.
    fn early_refresh_failed(
        &self,
        io: &Io,
        unacquired: Unacquired,
    ) -> Result<SessionTokens, Failed> {
        let Some(first) = self.target.first_while_good(io.now()) else {
            return Err(unacquired.into());
        };
        let Unacquired { error, salvaged } = unacquired;
        let mut session = match salvaged {
            Some(newer) if is_usable(&newer.tokens, io.now()) => newer,
            // The record held a refresh token alone by then.
            Some(newer) => {
                let refresh_token = newer.tokens.refresh_token.clone();
                let tokens = Arc::new(Tokens { refresh_token, ..Tokens::clone(first) });
                SessionTokens { tokens, ..newer }
            }
            None => self.session_of(Arc::clone(first)),
        };
        session.early_refresh_failed = Some((io.now(), Box::new(error)));
        Ok(session)
    }

    fn nothing_to_do(&self, plan: Plan) -> Unacquired {
        match plan {
            Plan::SessionEnded => {
                let verdict = ServerError::remembered(Some(ErrorCode::InvalidGrant));
                Error::SessionEnded(Box::new(verdict)).into()
            }
            Plan::Refused(refusal) => {
                let refused = ServerError::refused_before(refusal.code.as_deref());
                Error::Refused(Box::new(refused)).into()
            }
            Plan::LogIn { usable, reason } => {
                let salvaged = usable.map(|tokens| self.session_of(tokens));
                Unacquired { error: Error::NotAuthenticated(reason), salvaged }
            }
            Plan::Use(_) | Plan::Refresh(_) | Plan::ClientCredentials => {
                Error::Internal("session plan").into()
            }
        }
    }
}

/// Saves what could not be saved before, if the store can do it at once: before a server is asked, since one that
/// is unavailable must not keep a rotated refresh token from the store. It takes no place of newer tokens, and is kept
/// beside them: theirs may be the session that is over. What a refresh brought takes the place of just what it replaced,
/// and so does what looks newer because a clock was ahead.
pub(super) async fn save_again(io: &Io, context: &mut Context) {
    let (profile, key, now) = (&context.profile, &context.key, io.now());
    let Some(cached) = context.cached.as_mut().filter(|cached| !cached.is_settled()) else {
        return;
    };
    let at_once = Deadline::within(io, Duration::ZERO);
    let saved = under_lock(io, key, at_once, async |lock| {
        let stored = lock.load().await?;
        if is_only_itself(profile) {
            lock.pass_over_users(stored.as_deref());
        }
        let stored = stored.filter(|tokens| is_own(profile, tokens));
        let is_of_another_login = stored.as_ref().is_some_and(|stored| {
            !cached.replaces.is_of(stored) && stored.session_ended_at.is_none()
        });
        let newest = newest(stored, Some(cached));
        let is_newer_stored = newest.is_some_and(|it| !Arc::ptr_eq(&it, &cached.tokens));
        let replaces_just_one =
            cached.replaces.is_known() || is_from_the_future(&cached.tokens, now);
        if is_newer_stored || is_of_another_login && replaces_just_one {
            return Ok(None);
        }
        Ok(match lock.save(Arc::clone(&cached.tokens), at_once).await {
            Saved::Persisted(persisted) => Some(persisted),
            Saved::Conflict(_) => None,
        })
    });
    match saved.await {
        Ok::<_, Error>(Some(Persisted::Saved)) => cached.note_saved(),
        Ok(Some(persisted)) => cached.persisted = persisted,
        Ok(None) | Err(_) => {}
    }
}

/// Why there are no tokens, and those to go on with all the same: not saved, or still usable.
struct Unacquired {
    error: Error,
    salvaged: Option<SessionTokens>,
}

impl From<Error> for Unacquired {
    fn from(error: Error) -> Self {
        Self { error, salvaged: None }
    }
}

impl From<Unacquired> for Failed {
    fn from(Unacquired { error, salvaged }: Unacquired) -> Self {
        Self { error, salvaged: salvaged.map(|it| Box::new(Tokens::clone(&it.tokens))) }
    }
}

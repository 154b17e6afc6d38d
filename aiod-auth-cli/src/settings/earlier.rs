//! Logins that were made before profiles had logins of their own: their records have no account.
//!
//! Such a record goes to the only profile that it fits, if that one has neither an `account` of its own
//! nor a record yet. Where it fits several it stays where it is: whose it is only the user knows.

use aiod_auth_core::{RecordKey, Tokens};

use super::{Settings, core_profile};
use crate::{config::Config, context::Context, failure::Failure};

/// What was stored before, for a profile without a record of its own.
#[derive(Debug)]
pub(crate) enum Earlier {
    Nothing,
    /// It is this profile's.
    Fits(Box<Tokens>),
    /// This profile and the `others` fit it equally well.
    FitsSeveral {
        location: String,
        others: Vec<String>,
    },
}

impl Settings {
    /// The tokens of this login: those in its record, else those that it would take over.
    pub(crate) fn tokens_or_earlier(
        &self,
        context: &Context,
    ) -> Result<(Option<Tokens>, Earlier), Failure> {
        match (self.tokens()?, self.earlier(context)) {
            (Some(tokens), _) => Ok((Some(tokens), Earlier::Nothing)),
            (None, Ok(Earlier::Fits(tokens))) => Ok((Some(*tokens), Earlier::Nothing)),
            (None, earlier) => Ok((None, earlier?)),
        }
    }

    /// Makes an earlier login this profile's. Where that can't be done (the store is read-only, say) it is
    /// used where it is.
    pub(crate) fn take_over_earlier(&mut self, context: &Context) -> Result<(), Failure> {
        // What is wrong with its own record is said by what needs it.
        if !matches!(self.tokens(), Ok(None)) {
            return Ok(());
        }
        if let Earlier::Fits(_) = self.earlier(context)?
            && let Err(failure) = self.move_earlier()
        {
            log::debug!("an earlier login is used where it is: {}", failure.message);
            self.account = None;
            self.profile = core_profile::of_record(&self.config, None)?;
        }
        Ok(())
    }

    /// Under both locks: a process that still knows the earlier record refreshes it under its lock, and
    /// finds that it is gone.
    fn move_earlier(&self) -> Result<(), Failure> {
        let (from, to) = (self.earlier_key(), self.key());
        let _earlier_lock = super::lock::take(self.store(), &from)?;
        let _lock = self.lock()?;
        let (None, Some(tokens)) = (self.tokens()?, self.store().load(&from)?) else {
            // Another process was faster.
            return Ok(());
        };
        self.store().save(&to, &tokens)?;
        // Twice is better than not at all, so only now.
        Ok(self.store().remove(&from)?)
    }

    fn earlier(&self, context: &Context) -> Result<Earlier, Failure> {
        let Some(name) = self.name.as_deref().filter(|_| self.may_take_over()) else {
            return Ok(Earlier::Nothing);
        };
        let key = self.earlier_key();
        let stored = self.store().load(&key);
        if matches!(stored, Ok(None)) {
            return Ok(Earlier::Nothing);
        }
        let location = self.store().location(&key);
        let others = self.others_that_fit(context, &context.config()?, name, &location);
        if !others.is_empty() {
            return Ok(Earlier::FitsSeveral { location, others });
        }
        Ok(stored?.map_or(Earlier::Nothing, |tokens| Earlier::Fits(Box::new(tokens))))
    }

    /// The other profiles whose login this may be as well.
    fn others_that_fit(
        &self,
        context: &Context,
        config: &Config,
        name: &str,
        location: &str,
    ) -> Vec<String> {
        let fits = |other: &&str| {
            // One that can't be used has made no login.
            let other = Self::of_profile(context, config, other);
            other.is_ok_and(|other| {
                let key = other.earlier_key();
                other.may_take_over()
                    && key == self.earlier_key()
                    && other.store().location(&key) == location
            })
        };
        let others = config.names().into_iter().filter(|other| *other != name);
        others.filter(fits).map(Into::into).collect()
    }

    /// A store that is one file has the same login for any account.
    fn may_take_over(&self) -> bool {
        self.name.is_some() && self.config.account.is_none() && !self.store_is_shared()
    }

    fn earlier_key(&self) -> RecordKey {
        RecordKey { account: None, ..self.key() }
    }
}

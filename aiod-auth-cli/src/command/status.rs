//! `status`: who is logged in where. Asks no server, shows no token.

use std::{fmt, process::ExitCode, time::SystemTime};

use aiod_auth_core::{Error, Kind, NotLoggedIn, Timestamp, Tokens, clean};
use serde::{Serialize, Serializer};

use crate::{
    context::Context,
    failure::{Failure, exit_code},
    settings::{Earlier, Settings},
};

pub(crate) fn run(context: &Context) -> Result<ExitCode, Failure> {
    let settings = Settings::new(context)?;
    let (tokens, earlier) = settings.tokens_or_earlier(context)?;
    // What a user has left there is not the client's.
    let is_its = |tokens: &Tokens| !settings.is_only_itself() || tokens.refresh_token.is_none();
    let tokens = tokens.filter(is_its);
    let reason = why_not(settings.logs_in_by_itself(), tokens.as_ref(), SystemTime::now().into());
    let reason = match (reason, settings.given()) {
        (Some(NotLoggedIn::Expired), Some(variable)) => Some(NotLoggedIn::GivenExpired(variable)),
        _ => reason,
    };
    if settings.store_is_public() {
        let file = settings.location();
        log::warn!("the mode of {file} lets every user read it: run `chmod 600` on it");
    }
    let same = settings.profiles_of_the_same_login(context);
    context.printer.answer(&Status::new(&settings, tokens.as_ref(), reason, same))?;
    let Some(reason) = reason else { return Ok(ExitCode::SUCCESS) };
    if let Earlier::FitsSeveral { location, others } = &earlier {
        context.printer.warn(&choice(&settings, location, others));
    }
    let next = settings.explain(Error::NotAuthenticated(reason)).hint.unwrap_or_default();
    context.printer.say(&format!("next: {next}"));
    Ok(ExitCode::from(exit_code(Kind::NotAuthenticated)))
}

/// An earlier login that only the user can tell the owner of.
fn choice(settings: &Settings, location: &str, others: &[String]) -> String {
    let mine = settings.name.as_deref().unwrap_or_default();
    let set = |name: &String| format!("`aiod-auth profile set {name} --account {name}`");
    let commands: Vec<_> = others.iter().map(set).collect();
    format!(
        "the login in {location} was made before profiles had logins of their own, and may be that of {mine} \
         or {}; if it is {mine}'s, run {}",
        others.join(" or "),
        commands.join(" and "),
    )
}

#[derive(Serialize)]
struct Status<'a> {
    profile: Option<&'a str>,
    account: Option<&'a str>,
    issuer: &'a str,
    client_id: &'a str,
    authenticated: bool,
    #[serde(skip)]
    has_record: bool,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_word")]
    reason: Option<NotLoggedIn>,
    access_token_expires_at: Option<String>,
    refresh_token_expires_at: Option<String>,
    scope: Vec<&'a str>,
    store: String,
    /// Other profiles, whose login it is, too.
    #[serde(skip)]
    same: Vec<String>,
}

fn as_word<S: Serializer>(reason: &Option<NotLoggedIn>, serializer: S) -> Result<S::Ok, S::Error> {
    reason.map(NotLoggedIn::as_str).serialize(serializer)
}

impl<'a> Status<'a> {
    fn new(
        settings: &'a Settings,
        tokens: Option<&'a Tokens>,
        reason: Option<NotLoggedIn>,
        same: Vec<String>,
    ) -> Self {
        let refresh_token_end = tokens.and_then(|tokens| tokens.refresh_expires_at);
        Self {
            profile: settings.name.as_deref(),
            account: settings.account.as_deref(),
            issuer: settings.profile.issuer().as_str(),
            client_id: settings.profile.client().id(),
            authenticated: reason.is_none(),
            has_record: tokens.is_some(),
            reason,
            access_token_expires_at: tokens.and_then(access_token_end),
            refresh_token_expires_at: refresh_token_end.as_ref().map(Timestamp::to_string),
            scope: tokens.map(|tokens| tokens.scope.iter().collect()).unwrap_or_default(),
            store: settings.location(),
            same,
        }
    }
}

/// When the access token expires, if there is one and it is known.
pub(super) fn access_token_end(tokens: &Tokens) -> Option<String> {
    let end = tokens.expires_at.filter(|_| tokens.access_token.is_some());
    end.as_ref().map(Timestamp::to_string)
}

/// Without a reason why not, `token` needs no new login, as far as can be known from here.
pub(super) fn why_not(
    logs_in_by_itself: bool,
    tokens: Option<&Tokens>,
    now: Timestamp,
) -> Option<NotLoggedIn> {
    let Some(tokens) = tokens else {
        return (!logs_in_by_itself).then_some(NotLoggedIn::NoRecord);
    };
    if tokens.session_ended_at.is_some() {
        return Some(NotLoggedIn::SessionEnded);
    }
    let lives = |end: Option<Timestamp>| end.is_none_or(|end| end > now);
    let refreshable = match &tokens.refresh_token {
        Some(_) => lives(tokens.refresh_expires_at),
        // Such a client gets a new token by itself.
        None => logs_in_by_itself,
    };
    (!lives(tokens.expires_at) && !refreshable).then_some(NotLoggedIn::Expired)
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            None if self.has_record => writeln!(f, "logged in")?,
            None => writeln!(f, "needs no login: the client has a secret")?,
            Some(reason) => writeln!(f, "{reason}")?,
        }
        // A name may have been written by another program, and have what a terminal would obey in it.
        if let Some(profile) = self.profile {
            writeln!(f, "profile: {}", clean(profile))?;
        }
        if let Some(account) = self.account.filter(|account| Some(*account) != self.profile) {
            writeln!(f, "account: {}", clean(account))?;
        }
        writeln!(f, "issuer: {}\nclient: {}", clean(self.issuer), clean(self.client_id))?;
        if let Some(at) = &self.access_token_expires_at {
            writeln!(f, "access token expires at: {at}")?;
        }
        if let Some(at) = &self.refresh_token_expires_at {
            writeln!(f, "refresh token expires at: {at}")?;
        }
        if !self.scope.is_empty() {
            writeln!(f, "scope: {}", clean(&self.scope.join(" ")))?;
        }
        write!(f, "store: {}", self.store)?;
        if !self.same.is_empty() {
            write!(f, "\nthe same login: profile {}", clean(&self.same.join(", ")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::{AccessToken, RefreshToken};

    use super::*;

    /// An access token until 10, perhaps a refresh token until another time.
    fn check(by_itself: bool, refresh_until: Option<i64>, now: i64, expected: Option<NotLoggedIn>) {
        let mut tokens = Tokens::new(AccessToken::new("a").unwrap(), Timestamp::UNIX_EPOCH);
        tokens.expires_at = Some(Timestamp::from_unix_millis(10));
        if let Some(until) = refresh_until {
            tokens.refresh_token = Some(RefreshToken::new("r"));
            tokens.refresh_expires_at = Some(Timestamp::from_unix_millis(until));
        }
        let found = why_not(by_itself, Some(&tokens), Timestamp::from_unix_millis(now));
        assert_eq!(found, expected, "{by_itself} {refresh_until:?} at {now}");
    }

    #[test]
    fn time_is_up_when_nothing_is_left_to_refresh_with() {
        let user = false;
        check(user, None, 9, None);
        check(user, None, 10, Some(NotLoggedIn::Expired));
        check(user, Some(20), 19, None);
        check(user, Some(20), 20, Some(NotLoggedIn::Expired));
        check(true, None, 1000, None);
    }

    #[test]
    fn a_session_that_ended_is_over_whatever_the_time() {
        let mut tokens = Tokens::new(AccessToken::new("a").unwrap(), Timestamp::UNIX_EPOCH);
        tokens.session_ended_at = Some(Timestamp::UNIX_EPOCH);
        let found = why_not(false, Some(&tokens), Timestamp::UNIX_EPOCH);
        assert_eq!(found, Some(NotLoggedIn::SessionEnded));
    }
}

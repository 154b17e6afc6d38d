//! `token`: prints an access token that is good for a while.

use std::time::SystemTime;

use aiod_auth_core::{
    Timestamp,
    session::{Demand, Kept, SessionTokens},
};

use crate::{
    args::{self, TokenFormat},
    context::Context,
    failure::Failure,
    settings::Settings,
};

mod exec_credential;
mod format;
mod git;

pub(crate) fn run(context: &Context, options: &args::Token) -> Result<(), Failure> {
    let format = format_of(context, options)?;
    if git::is_none_of_ours(options.git_operation.as_deref()) {
        return Ok(());
    }
    let settings = Settings::new(context)?;
    if options.git_operation.is_some() && !git::wants_a_token(&hosts(options, &settings))? {
        return Ok(());
    }
    let mut demand = Demand::new();
    demand.min_valid = options.min_valid;
    demand.force = options.force_refresh;
    let session = get(context, &settings, demand)?;

    let left = session.tokens.valid_for(Timestamp::from(SystemTime::now()));
    if let (Some(left), Some(wanted)) = (left, options.min_valid)
        && left < wanted
    {
        let (left, wanted) = (left.as_secs(), wanted.as_secs());
        let warning = format!("the freshest token there is lasts {left} s, not {wanted} s");
        context.printer.warn(&warning);
    }
    match format {
        TokenFormat::Json => context.printer.json(&format::Json::new(&session.tokens)?),
        TokenFormat::ExecCredential => {
            context.printer.json(&exec_credential::answer(&session.tokens)?)
        }
        TokenFormat::Raw => context.printer.text(session.tokens.access_token()?.expose()),
        TokenFormat::Header => context.printer.text(&format::header(&session.tokens)?),
        TokenFormat::Git => context.printer.text(&git::answer(&session.tokens)?),
        TokenFormat::Curl => context.printer.text(&format::curl(&session.tokens)?),
    }
}

/// Where git may take a token: what was said here, else the APIs that it is for.
fn hosts(options: &args::Token, settings: &Settings) -> Vec<String> {
    if !options.host.is_empty() {
        return options.host.clone();
    }
    let addresses = settings.api_addresses();
    addresses.filter_map(git::host_of).map(Into::into).collect()
}

/// A token as good as is asked for, and a warning if it could not be kept.
pub(super) fn get(
    context: &Context,
    settings: &Settings,
    demand: Demand,
) -> Result<SessionTokens, Failure> {
    let session = settings.client()?.token_for(demand).map_err(|error| settings.explain(error))?;
    warn_if_not_saved(context, &session);
    Ok(session)
}

pub(super) fn warn_if_not_saved(context: &Context, session: &SessionTokens) {
    if let Kept::NotSaved(failure) = &session.kept {
        context.printer.warn(&format!("this token was not saved: {failure}"));
    }
}

fn format_of(context: &Context, options: &args::Token) -> Result<TokenFormat, Failure> {
    use TokenFormat::{Curl, ExecCredential, Git, Header, Json, Raw};
    if options.git_operation.is_some() && options.format != Some(Git) {
        return Err(Failure::usage("`token` takes options only"));
    }
    if !options.host.is_empty() && options.format != Some(Git) {
        return Err(Failure::usage("--host belongs to --format git"));
    }
    match (options.format, context.global.json) {
        (Some(Raw | Header | Git | Curl), true) => {
            Err(Failure::usage("--json contradicts a --format that is no JSON"))
        }
        (Some(format @ (Raw | Header | Git | Curl | Json | ExecCredential)), _) => Ok(format),
        (None, true) => Ok(Json),
        (None, false) => Ok(Raw),
    }
}

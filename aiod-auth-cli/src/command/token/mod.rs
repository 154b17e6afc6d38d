//! `token`: prints an access token that is good for a while, or an ID token.

use std::time::{Duration, SystemTime};

use aiod_auth_core::{
    IdToken, Kind, Timestamp,
    session::{Demand, SessionTokens},
};
use aiod_auth_ureq::{Client, Token};

use crate::{
    args::{self, TokenFormat},
    context::Context,
    failure::Failure,
    settings::Settings,
    stored::Stored,
};

use handout::Handout;

mod exec_credential;
mod format;
mod git;
mod handout;

pub(crate) fn run(context: &Context, options: &args::Token) -> Result<(), Failure> {
    let format = format_of(context, options)?;
    if git::is_none_of_ours(options.git_operation.as_deref()) {
        return Ok(());
    }
    let settings = Settings::in_use(context)?;
    if let Some(operation) = &options.git_operation {
        let question = git::Question::read()?;
        let hosts = hosts(options, &settings);
        if operation == git::ERASE {
            return git::erase(&settings, &question, &hosts, options.id_token);
        }
        if !question.wants_a_token(&hosts)? {
            return Ok(());
        }
    }
    let session = if options.id_token {
        get_with_id_token(&settings, options)?
    } else {
        get(&settings, demand(options.min_valid, options.force_refresh))?
    };
    let handout = Handout::of(&session.tokens, options.id_token)?;
    if matches!(format, TokenFormat::ExecCredential | TokenFormat::Git) && !handout.is_bearer() {
        return Err(Failure::usage(
            "this format is for a token that is shown as Bearer, and this is an API key, which has a scheme of its own",
        )
        .with_hint("use --format header, or unset TILED_API_KEY and log in"));
    }
    warn_if_short(context, &handout, options.min_valid);
    match format {
        TokenFormat::Json => context.printer.json(&format::json(&handout))?,
        TokenFormat::ExecCredential => context.printer.json(&exec_credential::answer(&handout))?,
        TokenFormat::Raw => context.printer.text(handout.token)?,
        TokenFormat::Header => context.printer.text(&format::header(&handout))?,
        TokenFormat::Git => context.printer.text(&git::answer(&handout))?,
        TokenFormat::Curl => context.printer.text(&format::curl(&handout))?,
    }
    Ok(())
}

/// Where git may take a token: what was said here, else the APIs that it is for.
fn hosts(options: &args::Token, settings: &Settings) -> Vec<String> {
    if !options.host.is_empty() {
        return options.host.clone();
    }
    let addresses = settings.api_addresses();
    addresses.filter_map(git::host_of).map(Into::into).collect()
}

pub(super) fn demand(min_valid: Option<Duration>, force: bool) -> Demand {
    let mut demand = Demand::new();
    demand.min_valid = min_valid;
    demand.force = force;
    demand
}

/// An access token as good as is asked for.
fn get(settings: &Settings, demand: Demand) -> Result<SessionTokens, Failure> {
    acquire(settings, &settings.client()?, demand)
}

pub(super) fn acquire(
    settings: &Settings,
    client: &Client,
    demand: Demand,
) -> Result<SessionTokens, Failure> {
    client.token_for(demand).map(Token::into_session).map_err(|error| settings.explain(error))
}

/// As [`get`], for a program that this one starts.
pub(super) fn get_for_program(
    context: &Context,
    settings: &Settings,
    min_valid: Option<Duration>,
) -> Result<SessionTokens, Failure> {
    let session = get(settings, demand(min_valid, false))?;
    warn_if_short(context, &Handout::access_token(&session.tokens)?, min_valid);
    Stored::of(&context.clients, &context.printer).warn(&context.printer);
    Ok(session)
}

/// With an ID token that is as good as is asked for. Sessions look at the access token only, so this looks at
/// the other, and has it refreshed once.
fn get_with_id_token(settings: &Settings, options: &args::Token) -> Result<SessionTokens, Failure> {
    let client = settings.client()?;
    let ask = |force| acquire(settings, &client, demand(None, force));
    let session = ask(options.force_refresh)?;
    if session.tokens.id_token.is_none() && settings.has_api_keys() {
        return Err(Failure::new(Kind::Server, "the server gave no ID token").with_hint(
            "at Tiled, there is one where an OpenID provider logs in, and nowhere else",
        ));
    }
    let left = |session: &SessionTokens| {
        Ok::<_, Failure>(Handout::id_token(&session.tokens)?.valid_for(now()))
    };
    let margin = options.min_valid.unwrap_or_else(|| margin(session.tokens.id_token.as_ref()));
    if options.force_refresh || left(&session)?.is_none_or(|left| left > margin) {
        return Ok(session);
    }
    let before = session.tokens.id_token.clone();
    let session = ask(true)?;
    if left(&session)?.is_none_or(|left| !left.is_zero()) {
        return Ok(session);
    }
    let is_same = match (&before, &session.tokens.id_token) {
        (Some(before), Some(after)) => before.same_as(after),
        _ => false,
    };
    let server = |message| Failure::new(Kind::Server, message);
    Err(match is_same {
        true => server("the ID token has expired, and the server gave no new one")
            .with_hint(format!("run `{}`", settings.login_command)),
        false => server("the server's new ID token has expired already, by this machine's clock")
            .with_hint("set this machine's clock, if it is that which is wrong"),
    })
}

/// As for access tokens: 30 s, or a tenth of the lifetime.
fn margin(id_token: Option<&IdToken>) -> Duration {
    let tenth = id_token.and_then(handout::id_token_lifetime).map(|lifetime| lifetime / 10);
    tenth.map_or(MARGIN_MAX, |tenth| tenth.min(MARGIN_MAX))
}

const MARGIN_MAX: Duration = Duration::from_secs(30);

fn warn_if_short(context: &Context, handout: &Handout<'_>, min_valid: Option<Duration>) {
    if let (Some(left), Some(wanted)) = (handout.valid_for(now()), min_valid)
        && left < wanted
    {
        let (left, wanted) = (left.as_secs(), wanted.as_secs());
        let warning = format!("the freshest token there is lasts {left} s, not {wanted} s");
        context.printer.warn(&warning);
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
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
            Err(Failure::usage("--json can't be used with a --format that is no JSON"))
        }
        (Some(format @ (Raw | Header | Git | Curl | Json | ExecCredential)), _) => Ok(format),
        (None, true) => Ok(Json),
        (None, false) => Ok(Raw),
    }
}

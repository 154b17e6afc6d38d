//! A session at a Tiled server: its refresh and its end, by the server itself or by an OpenID provider.

use alloc::{boxed::Box, sync::Arc};

use super::{
    deviations,
    json::Json,
    server::{OpenId, Refreshes, Server},
};
use crate::{
    deviations::Deviations,
    error::{ConfigProblem, Endpoint, Error, Problem, Says, ServerError},
    flow::{
        access_token_request::TokenRequest,
        end_session::{self, end_session},
        send::{OneRequest, Sender},
    },
    http::Request,
    machine::{Deadline, Failed, Io, Reason},
    retry::RetryPolicy,
    session::LoggedOut,
    token::Tokens,
    token_server::Redemption,
    wire::{
        answer::{self, Answer, Received},
        form::Form,
    },
};

/// Refreshes. The server's own protocol is a POST of JSON, with the headers of its CSRF protection.
pub(crate) async fn redeem(
    io: &Io,
    server: &Server,
    redemption: Redemption<'_>,
    deadline: Deadline,
    reason: Reason,
) -> Result<Tokens, Failed> {
    let Redemption { refresh_token, tokens_before: tokens, policy, resend, .. } = redemption;
    let scope = redemption.scope();
    let link = match server.refreshes(refresh_token, tokens)? {
        Refreshes::Here(link) => link,
        Refreshes::There(openid) => {
            let (server, client) = (&openid.server, openid.profile.client());
            let request =
                TokenRequest::refresh(server, client, refresh_token, scope, policy, resend)?;
            return Box::pin(request.send(io, deadline, reason)).await;
        }
    };
    let send = |server: &Server| {
        let body = Json::default().with_secret("refresh_token", refresh_token.expose()).encode();
        let request = server.guarded(Request::post_json(link.clone(), body));
        let request = TokenRequest::of(request, policy, Arc::new(deviations()));
        let request = request.spending(refresh_token, resend, refused);
        Box::pin(request.send(io, deadline, reason))
    };
    server.send_guarded(io, &policy, deadline.earlier(resend.time_for_answer()), send).await
}

/// As in Tiled's own client, a 400 or 401 means that the session has ended; but only as Tiled says it, and not as a
/// gateway or a proxy before it does.
fn refused(mut error: Box<ServerError>) -> Error {
    match error.status {
        Some(400 | 401) if error.says == Some(Says::Detail) && error.code.is_none() => {
            Error::SessionEnded(error)
        }
        _ => {
            error.advise_login();
            Error::Refused(error)
        }
    }
}

/// Ends the session. It is no error if the session had ended before.
pub(crate) async fn log_out(
    io: &Io,
    server: &Server,
    tokens: &Tokens,
    policy: RetryPolicy,
    deadline: Deadline,
) -> Result<LoggedOut, Error> {
    let Some(refresh_token) = &tokens.refresh_token else {
        // An access token can't be revoked, and expires soon.
        return Ok(LoggedOut::RemovedLocally);
    };
    if let Refreshes::There(openid) = server.refreshes(refresh_token, Some(tokens))? {
        return end_at_provider(io, &openid, tokens, policy, deadline).await;
    }
    let deviations = Deviations::default();
    let sender = Sender::new(Endpoint::Revocation, &policy, deadline, &deviations);
    let send = |server: &Server| {
        let body = Json::default().with_secret("refresh_token", refresh_token.expose()).encode();
        let request = server.guarded(Request::post_json(server.api.revoke_session(), body));
        async move { sender.send(io, request, done_or_over).await.map_err(Failed::from) }
    };
    let outcome = server.send_guarded(io, &policy, deadline, send).await;
    // There is nothing to salvage from a logout.
    outcome.map(|()| LoggedOut::Ended).map_err(|failed| failed.error)
}

/// 204, and no other success: that may be a page. Or the server's word that there is no such session, or no more: 401
/// and 409 with `detail`, which a gateway's refusal doesn't have.
fn done_or_over(received: &Received<'_>) -> Answer<()> {
    let answer = answer::read(Endpoint::Revocation, received, |_| Ok(()));
    match (received.response.status(), answer) {
        (204, _) => Answer::Good(()),
        (200..=299, _) => Answer::Malformed(Problem::UnexpectedStatus),
        (401 | 409, Answer::Refused(refused)) if refused.error.says == Some(Says::Detail) => {
            Answer::Good(())
        }
        (_, answer) => answer,
    }
}

/// Ends the session by refresh token, at a Keycloak; else as the Tiled client does it, by `id_token_hint`, to
/// which the answer is a page.
async fn end_at_provider(
    io: &Io,
    openid: &OpenId,
    tokens: &Tokens,
    policy: RetryPolicy,
    deadline: Deadline,
) -> Result<LoggedOut, Error> {
    let (server, client) = (&openid.server, openid.profile.client());
    let request = match (&tokens.refresh_token, &tokens.id_token) {
        (Some(refresh_token), _) if server.ends_session_by_refresh_token() => {
            end_session(server, client, refresh_token, policy)?
        }
        (_, Some(id_token)) => {
            let mut form = Form::default();
            form.push_secret("id_token_hint", id_token.expose());
            OneRequest {
                endpoint: Endpoint::EndSession,
                request: Box::new(client.post(server, Endpoint::EndSession, form)?),
                read: end_session::read,
                policy,
                deviations: Arc::clone(&server.deviations),
            }
        }
        (_, None) => {
            return Err(Error::Config(ConfigProblem::MissingEndpoint(Endpoint::Revocation)));
        }
    };
    Box::pin(request.send(io, deadline)).await?;
    Ok(LoggedOut::Ended)
}

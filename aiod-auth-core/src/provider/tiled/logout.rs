//! Ending a session: by its refresh token at the server, or at an OpenID provider.

use alloc::{boxed::Box, sync::Arc};

use super::server::{OpenId, Refreshes, Server, json};
use crate::{
    deviations::Deviations,
    error::{ConfigProblem, Endpoint, Error, Problem},
    flow::{
        end_session::{self, end_session},
        send::{OneRequest, Sender},
    },
    http::Request,
    machine::{Deadline, Io},
    retry::RetryPolicy,
    session::LoggedOut,
    token::Tokens,
    wire::{
        answer::{self, Answer, Received},
        form::Form,
        json::Object,
    },
};

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
    let body = json(&[("refresh_token", refresh_token.expose())]);
    let request = server.guarded(Request::post_json(server.api.revoke_session(), body));
    let deviations = Deviations::default();
    let sender = Sender::new(Endpoint::Revocation, &policy, deadline, &deviations);
    sender.send(io, request, done_or_over).await?;
    Ok(LoggedOut::Ended)
}

/// 204, and no other success: that may be a page. Or the server's word that there is no such session, or no more: 401
/// and 409 with `detail`, which a gateway's refusal doesn't have.
fn done_or_over(received: &Received<'_>) -> Answer<()> {
    let answer = answer::read(Endpoint::Revocation, received, |_| Ok(()));
    match (received.response.status(), answer) {
        (204, _) => Answer::Good(()),
        (200..=299, _) => Answer::Broken(Problem::UnexpectedStatus),
        (401 | 409, Answer::Refused(_)) if has_detail(received) => Answer::Good(()),
        (_, answer) => answer,
    }
}

fn has_detail(received: &Received<'_>) -> bool {
    let text = core::str::from_utf8(received.response.body()).unwrap_or_default();
    let object = Object::parse(text);
    object.is_ok_and(|object| matches!(object.text("detail"), Ok(Some(_))))
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

//! The refresh of a Tiled server's tokens: by the server itself, or by an OpenID provider.

use alloc::{boxed::Box, sync::Arc};

use super::{
    deviations,
    server::{Refreshes, Server, json},
};
use crate::{
    error::{Error, ServerError},
    flow::access_token_request::TokenRequest,
    http::Request,
    machine::{Deadline, Failed, Io, Reason},
    token::Tokens,
    token_server::Redemption,
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
    let new = |server: &Server| {
        let body = json(&[("refresh_token", refresh_token.expose())]);
        let request = server.guarded(Request::post_json(link.clone(), body));
        TokenRequest::of(request, policy, Arc::new(deviations())).spending(
            refresh_token,
            resend,
            refused,
        )
    };
    match Box::pin(new(server).send(io, deadline, reason)).await {
        // The server refused the CSRF cookie and has not spent the token: once more with a new cookie.
        Err(failed) if is_forged(&failed.error) => {
            let server = Server::ask(io, &server.api, &policy, deadline).await?;
            Box::pin(new(&server).send(io, deadline, reason)).await
        }
        outcome => outcome,
    }
}

/// As in Tiled's own client, a 400 or 401 means that the session has ended.
fn refused(mut error: Box<ServerError>) -> Error {
    match error.status {
        Some(400 | 401) if !error.html => Error::SessionEnded(error),
        _ => {
            error.advise_login();
            Error::Refused(error)
        }
    }
}

/// Whether the CSRF protection refused the request, before it was processed: a 403 in plain text.
fn is_forged(error: &Error) -> bool {
    let Error::Refused(refused) = error else { return false };
    refused.status == Some(403) && refused.code.is_none() && refused.description.is_none()
}

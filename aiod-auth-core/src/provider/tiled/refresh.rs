//! Refreshing: the server's own way, or that of an OpenID provider.

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

/// A JSON POST with the cookie, and the same as a header.
pub(crate) async fn redeem(
    io: &Io,
    server: &Server,
    redemption: Redemption<'_>,
    deadline: Deadline,
    reason: Reason,
) -> Result<Tokens, Failed> {
    let Redemption { refresh_token, scope, policy, resend, .. } = redemption;
    let link = match server.refreshes()? {
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
        // Nothing was spent: the cookie was another one by then.
        Err(failed) if is_forged(&failed.error) => {
            let server = Server::ask(io, &server.api, &policy, deadline).await?;
            Box::pin(new(&server).send(io, deadline, reason)).await
        }
        outcome => outcome,
    }
}

/// As the real client has it: these two mean that the session is over.
fn refused(mut error: Box<ServerError>) -> Error {
    match error.status {
        Some(400 | 401) if !error.html => Error::SessionEnded(error),
        _ => {
            error.advise_login();
            Error::Refused(error)
        }
    }
}

/// Double submit failed: a 403 in plain text, from before anything was done.
fn is_forged(error: &Error) -> bool {
    let Error::Refused(refused) = error else { return false };
    refused.status == Some(403) && refused.code.is_none() && refused.description.is_none()
}

//! What a provider says to a user who has logged in.

use alloc::{string::String, sync::Arc};

use url::Url;

use super::{description::Provider, description::ProviderLogin, keys};
use crate::{
    machine::{Deadline, Io, Prompt},
    retry::RetryPolicy,
    token::Tokens,
};

/// The words of the provider that was chosen, and where the server says whose name belongs in them.
pub(crate) struct Confirmation {
    provider: Provider,
    whoami: Option<Url>,
}

impl Confirmation {
    /// `None`: the provider says nothing.
    pub(super) fn of(provider: &Provider, whoami: Option<&Url>) -> Option<Self> {
        provider.confirmation_message.as_ref()?;
        Some(Self { provider: provider.clone(), whoami: whoami.cloned() })
    }

    /// Shows them. Nothing that goes wrong here is worth an error: the user is logged in.
    pub(crate) async fn show(self, io: &Io, tokens: &Tokens, policy: &RetryPolicy) {
        let words = match self.user(io, tokens, policy).await {
            Some(id) => self.provider.confirmation(&id),
            None => None,
        };
        if let Some(words) = words {
            io.show(Prompt::Confirmation(Arc::from(words))).await;
        }
    }

    /// The name for the words, if they want one; `None`: it can't be had.
    async fn user(&self, io: &Io, tokens: &Tokens, policy: &RetryPolicy) -> Option<String> {
        let wants_name = self.provider.confirmation_message.as_ref()?.contains("{id}");
        if !wants_name || matches!(self.provider.login, ProviderLogin::OpenId { .. }) {
            // As the real client says of a user whom only the provider knows.
            return Some("external user".into());
        }
        let policy = RetryPolicy { attempts: 1, ..*policy };
        let deadline = Deadline::within(io, policy.time_limit);
        let user = keys::who(io, self.whoami.as_ref()?, tokens, &policy, deadline).await;
        user.ok()?.name
    }
}

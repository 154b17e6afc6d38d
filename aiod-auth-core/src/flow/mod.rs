//! The flows: one file for each, each a [`Machine`](crate::Machine).

pub use access_token_request::AccessTokenRequest;
pub use current_user::CurrentUserRequest;
pub use device_access_token::DeviceAccessTokenRequest;
pub use device_authorization::{
    DeviceAuthorization, DeviceAuthorizationParts, DeviceAuthorizationRequest, DevicePrompt,
};
pub use discovery::Discovery;
pub use end_session::EndSessionRequest;
pub use end_session_page::EndSessionPage;
pub use introspection::IntrospectionRequest;
pub use revocation::RevocationRequest;
pub use userinfo::UserinfoRequest;

pub use crate::wire::{
    introspection::{ActiveToken, Introspection},
    userinfo::Userinfo,
};

mod access_token_request;
pub(crate) mod call;
mod client_credentials;
mod current_user;
mod device_access_token;
mod device_authorization;
mod discovery;
mod end_session;
mod end_session_page;
mod introspection;
mod refresh;
mod resource;
mod revocation;
mod userinfo;

//! The flows: one file for each, each a [`Machine`](crate::Machine).

pub use access_token_request::AccessTokenRequest;
pub use authorization_code::{AuthorizationCode, AuthorizationRequest, Redirect};
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

pub(crate) mod access_token_request;
pub(crate) mod authorization_code;
pub(crate) mod client_credentials;
pub(crate) mod current_user;
pub(crate) mod device_access_token;
pub(crate) mod device_authorization;
pub(crate) mod discovery;
pub(crate) mod end_session;
mod end_session_page;
mod introspection;
pub(crate) mod password;
mod refresh;
pub(crate) mod resource;
pub(crate) mod revocation;
pub(crate) mod send;
pub(crate) mod userinfo;

//! What goes over the wire, and every tolerance for a real server: one line each, with its name.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod class;
pub(crate) mod device;
pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod id_token;
pub(crate) mod introspection;
pub(crate) mod json;
pub(crate) mod jwt;
pub(crate) mod metadata;
mod retry_after;
pub(crate) mod scan;
pub(crate) mod servers;
pub(crate) mod token;
pub(crate) mod userinfo;
pub(crate) mod www_authenticate;

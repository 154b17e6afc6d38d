//! What stands above the flows: tokens that are kept, and the jobs that need them.
//!
//! [`Session`] gets a good token, [`WhoAmI`] asks who it is for, [`Logout`] ends it.
//! They ask for store operations the way flows ask for requests. [`Held`] is what a client keeps from
//! one to the next.

pub use held::{Held, LOGIN_LIMIT};
pub use job::Session;
pub use logout::{LoggedOut, Logout};
pub use policy::{Demand, Freshness};
pub use store_access::{StoreOperation, StoreReply, StoreRequest, Version};
pub use tokens::{Kept, SessionTokens};
pub use who_am_i::{WhoAmI, WhoAmIRequest};

mod held;
mod job;
mod logout;
mod new_login;
mod policy;
mod refreshing;
mod renewal;
mod store_access;
mod tokens;
mod who_am_i;

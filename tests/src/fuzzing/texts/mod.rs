//! What is read and written as text: header fields, forms, records, durations.

pub use aiod_file::aiod_file;
pub use duration::duration;
pub use encoding::{EncodingScript, encoding};
pub use loopback::loopback;
pub use retry_after::retry_after;
pub use store_file::store_file;
pub use www_authenticate::www_authenticate;

mod aiod_file;
pub(super) mod decode;
mod duration;
mod encoding;
mod http_date;
mod loopback;
mod retry_after;
mod store_file;
mod www_authenticate;

/// The command is no library, so its parser of durations is included as a file.
#[path = "../../../../aiod-auth-cli/src/duration.rs"]
mod typed;

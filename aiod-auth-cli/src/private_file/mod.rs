//! Files that this program trusts, or writes secrets to: one place that knows who may own them, who may
//! read them, and how a reader sees the old one or the new one, never half of either.

pub(crate) use lock::lock;
pub(crate) use read::{
    BYTES_MAX, OwnFile, is_public_file, not_text, unreadable, where_to_look, without_bom,
};
pub(crate) use write::{create, replace, rewrite};

mod lock;
mod read;
mod write;

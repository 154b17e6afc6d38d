//! The texts that the platforms' own clients keep, read and written; who opens the files is elsewhere.

#![allow(dead_code, reason = "the stores on top of it come next")]

pub(crate) mod polars;
pub(crate) mod single;
pub(crate) mod tiled;

//! The texts that the platforms' own clients keep, read and written; who opens the files is elsewhere.

pub(crate) mod polars;
pub(crate) mod single;
pub(crate) mod tiled;

//! The platforms: what differs between them, as data where data is enough.

pub mod aiod;
pub mod jetraw;
pub mod polars;
pub mod tiled;

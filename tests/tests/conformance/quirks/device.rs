//! Device authorization and polling.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

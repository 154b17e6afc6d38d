//! Refresh, rotation, revocation, logout.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

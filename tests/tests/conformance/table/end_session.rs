//! OUT: ending the session.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

//! CC: client credentials.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

//! DISC: metadata.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

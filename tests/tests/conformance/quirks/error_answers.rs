//! Token answers: errors.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

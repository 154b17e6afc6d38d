//! DEV: the device authorization grant.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

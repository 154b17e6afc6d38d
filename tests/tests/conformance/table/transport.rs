//! NET: transport, redirects, retries.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

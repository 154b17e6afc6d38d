//! BCP: RFC 9700, what is left for a client.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

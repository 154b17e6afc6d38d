//! TOK: the token response.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

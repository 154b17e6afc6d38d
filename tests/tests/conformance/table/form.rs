//! FORM: building requests.

use crate::row::Row;

pub(crate) const ROWS: &[Row] = &[];

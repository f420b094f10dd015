// SPDX-License-Identifier: GPL-2.0-only
//! Who writes a field, by the code.

use serde::{Deserialize, Serialize};

/// What is written by what no type tells of has this name.
pub const UNKNOWN: &str = "?";

/// Who writes a field.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The struct, or the variable; `?` where no type tells.
    pub of: String,
    /// Bytes from its start.
    pub offset: u64,
    /// Whether all of them write by atomic steps.
    pub atomic: bool,
    /// Programs, by themselves or by what they call.
    pub programs: Vec<String>,
}

// SPDX-License-Identifier: GPL-2.0-only
//! What a probe concludes.

use crate::exit::Error;

/// What is wrong, and what to do about it; neither has a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was found.
    pub what: String,
    /// What the user can do.
    pub fix: String,
}

/// The conclusion of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well; says what was found.
    Ok(String),
    /// May hurt, or could not be told; the scheduler loads all the same.
    Warning(Fault),
    /// This machine can't run the scheduler as it is.
    Unavailable(Fault),
    /// This process may not load it.
    Permission(Fault),
    /// What it would be told makes no sense.
    Usage(Fault),
}

impl Verdict {
    /// A [`Verdict::Warning`].
    pub fn warning(what: impl Into<String>, fix: impl Into<String>) -> Verdict {
        Verdict::Warning(Fault::new(what, fix))
    }

    /// A [`Verdict::Unavailable`].
    pub fn unavailable(what: impl Into<String>, fix: impl Into<String>) -> Verdict {
        Verdict::Unavailable(Fault::new(what, fix))
    }

    /// One word for it: ok, warning or wrong.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Ok(_) => "ok",
            Verdict::Warning(_) => "warning",
            Verdict::Unavailable(_) | Verdict::Permission(_) | Verdict::Usage(_) => "wrong",
        }
    }

    /// What was found.
    pub fn what(&self) -> &str {
        match self {
            Verdict::Ok(what) => what,
            Verdict::Warning(fault)
            | Verdict::Unavailable(fault)
            | Verdict::Permission(fault)
            | Verdict::Usage(fault) => &fault.what,
        }
    }

    /// What to do about it, if anything.
    pub fn fix(&self) -> Option<&str> {
        match self {
            Verdict::Ok(_) => None,
            Verdict::Warning(fault)
            | Verdict::Unavailable(fault)
            | Verdict::Permission(fault)
            | Verdict::Usage(fault) => Some(&fault.fix),
        }
    }

    /// Why the scheduler can't be loaded, if it can't.
    pub fn error(&self) -> Option<Error> {
        let text = |fault: &Fault| format!("{}: {}", fault.what, fault.fix);
        match self {
            Verdict::Ok(_) | Verdict::Warning(_) => None,
            Verdict::Unavailable(fault) => Some(Error::Unavailable(text(fault))),
            Verdict::Permission(fault) => Some(Error::Permission(text(fault))),
            Verdict::Usage(fault) => Some(Error::Usage(text(fault))),
        }
    }
}

impl Fault {
    /// What is wrong, and what to do.
    pub fn new(what: impl Into<String>, fix: impl Into<String>) -> Fault {
        Fault {
            what: what.into(),
            fix: fix.into(),
        }
    }
}

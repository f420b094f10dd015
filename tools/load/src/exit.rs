// SPDX-License-Identifier: GPL-2.0-only
//! How a tool ends: what it prints, and its exit status.

use std::fmt;
use std::io::{self, Write};

use anyhow::Error;

/// A mistake of the user, in a line.
#[derive(Debug)]
struct Mistake(String);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mistake {}

/// Prints on standard output; a reader that has seen enough is no error.
///
/// # Errors
/// When standard output can't be written.
pub fn print(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// The same error as a mistake of the user, unless it is a lack of permission.
pub fn mistake(error: Error) -> Error {
    match is_denied(&error) {
        true => error,
        false => Mistake(format!("{error:#}")).into(),
    }
}

/// The exit status for an error: 77 not permitted, 2 a [`mistake`], 69 any other.
pub fn code(error: &Error) -> u8 {
    const USAGE: u8 = 2;
    const EX_UNAVAILABLE: u8 = 69;
    const EX_NOPERM: u8 = 77;
    match () {
        () if is_denied(error) => EX_NOPERM,
        () if error.is::<Mistake>() => USAGE,
        () => EX_UNAVAILABLE,
    }
}

fn is_denied(error: &Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|it| it.kind() == io::ErrorKind::PermissionDenied)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_error_has_its_status() {
        let of = |kind: io::ErrorKind| Error::from(io::Error::from(kind)).context("read it");
        let (missing, denied) = (io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied);
        assert_eq!((code(&of(missing)), code(&of(denied))), (69, 77));
        let told = [missing, denied].map(|kind| code(&mistake(of(kind))));
        assert_eq!(told, [2, 77]);
        assert!(mistake(of(missing)).to_string().starts_with("read it: "));
    }
}

// SPDX-License-Identifier: GPL-2.0-only
//! A line of a client of the socket: refused in a line, or a request whose
//! settings can't make parameters that make no sense.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scx_hallows::agent::params::Params;
use scx_hallows::config::change::change;
use scx_hallows::control::{Ask, Request, read};

fuzz_target!(|line: &[u8]| match read(line) {
    Ok(Ask::Of(Request::Set(settings))) => {
        if let Ok((params, changes)) = change(&Params::default(), &settings) {
            assert!(params.validate().is_ok());
            assert_eq!(changes.len(), settings.len());
        }
    }
    Ok(_) => {}
    Err(reason) => assert!(!reason.contains('\n'), "{reason}"),
});

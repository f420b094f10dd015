// SPDX-License-Identifier: GPL-2.0-only
//! A configuration file: read or refused with a line of it, and what was read
//! comes out of a printed file again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scx_hallows::agent::params::Params;
use scx_hallows::config::{KEYS, change, file};

fuzz_target!(|text: &str| {
    let entries = match file::parse(text) {
        Ok(entries) => entries,
        Err(mistake) => {
            assert!((1..=text.lines().count() + 1).contains(&mistake.line));
            return;
        }
    };
    let settings: Vec<_> = entries.into_iter().map(|it| (it.key, it.value)).collect();
    if let Ok((params, _)) = change::change(&Params::default(), &settings) {
        let printed = file::settings(&params, KEYS);
        let again = file::parse(&printed).expect("what is printed can be read");
        let again: Vec<_> = again.into_iter().map(|it| (it.key, it.value)).collect();
        let (again, _) = change::change(&Params::default(), &again).expect("and holds");
        assert_eq!(params, again);
    }
});

// SPDX-License-Identifier: GPL-2.0-only
//! A recording: replayed or refused. An odd first byte makes the rest a file; an
//! even one makes it records, each after a byte with its length, so that neither
//! the compression nor the frame stands between the input and what reads it.
#![no_main]

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use libfuzzer_sys::fuzz_target;
use scx_hallows::recording::read::Reader;
use scx_hallows::recording::replay::replay;

const MAGIC: &[u8] = b"hallows-recording 1\n";

fn packed(mut records: &[u8]) -> Vec<u8> {
    let mut file = DeflateEncoder::new(MAGIC.to_vec(), Compression::none());
    while let Some((&length, rest)) = records.split_first() {
        let (record, rest) = rest.split_at(rest.len().min(length.into()));
        let length = record.len() as u32;
        file.write_all(&length.to_le_bytes()).expect("memory");
        file.write_all(record).expect("memory");
        records = rest;
    }
    file.finish().expect("memory")
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else {
        return;
    };
    let file = match kind % 2 {
        0 => packed(rest),
        _ => rest.to_vec(),
    };
    if let Ok(mut reader) = Reader::new(&file[..]) {
        let _ = replay(&mut reader, &[]);
    }
});

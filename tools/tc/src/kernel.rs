// SPDX-License-Identifier: GPL-2.0-only
//! The harness in this machine's kernel: how long its visits take.

use std::mem;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libbpf_rs::{MapCore, MapFlags, Object, ObjectBuilder};

use crate::image::{Image, Stage};
use libbpf_rs::ProgramInput as Input;

/// Bytes of a packet, which the kernel wants to see.
const PACKET: [u8; 64] = [0; 64];

/// Of what is timed: the shorter one is, the sooner it runs once without being disturbed.
pub const PARTS: usize = 10;

/// A loaded object.
pub struct Loaded {
    object: Object,
    image: Image,
}

impl Loaded {
    /// Loads an object's program, with the verifier's consent.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn load(file: &Path, mix: u32) -> Result<Self> {
        let mut open = ObjectBuilder::default();
        let mut open = open.open_file(file).context("libbpf cannot read it")?;
        for mut program in open.progs_mut() {
            let ours = program.name() == "tc_run";
            program.set_autoload(ours);
        }
        Ok(Self {
            object: open.load().context("the kernel refuses it")?,
            image: Image::read(file, mix)?,
        })
    }

    /// Begins anew, runs `warm` times and then `timed` times, each of which is 64 visits.
    /// Returns how long the parts of the latter took, which are the same work every time,
    /// and the account before and after.
    ///
    /// # Errors
    /// When the kernel does not run it, or something in it went wrong.
    pub fn time(&self, warm: u32, timed: u32) -> Result<([Duration; PARTS], Stage, Stage)> {
        for (section, bytes) in self.image.writable() {
            let map = self.map(section)?;
            map.update(&0u32.to_ne_bytes(), bytes, MapFlags::ANY)
                .with_context(|| format!("cannot write {section}"))?;
        }
        self.run(1)?;
        self.run(warm)?;
        let before = self.stage()?;
        let mut took = [Duration::ZERO; PARTS];
        for part in &mut took {
            *part = self.run(timed / PARTS as u32)?;
        }
        Ok((took, before, self.stage()?))
    }

    fn stage(&self) -> Result<Stage> {
        let map = self.map(".bss")?;
        let bytes = map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY)?;
        self.image.stage(&bytes.context(".bss is empty")?)
    }

    fn run(&self, repeat: u32) -> Result<Duration> {
        let mut programs = self.object.progs_mut();
        let program = programs
            .find(|program| program.name() == "tc_run")
            .context("it has no program tc_run")?;
        let input = Input {
            data_in: Some(&PACKET),
            repeat,
            ..Input::default()
        };
        let output = program
            .test_run(input)
            .context("the kernel does not run it")?;
        ensure!(
            output.return_value == 0,
            "tc_run returned {}",
            output.return_value
        );
        Ok(output.duration * repeat)
    }

    fn map(&self, section: &str) -> Result<libbpf_rs::Map<'_>> {
        // The kernel's name for it begins with the object's.
        let mut maps = self.object.maps();
        maps.find(|map| map.name().to_string_lossy().ends_with(section))
            .with_context(|| format!("it has no section {section}"))
    }
}

/// Keeps this thread, and what it starts, on one CPU.
///
/// # Errors
/// When there is no such CPU for it.
pub fn pin(cpu: usize) -> Result<()> {
    ensure!(
        cpu < 8 * mem::size_of::<libc::cpu_set_t>(),
        "there is no CPU {cpu}"
    );
    #[allow(unsafe_code)]
    // SAFETY: a set of CPUs is plain memory, for which zeroes are a value; the kernel
    // reads no more of it than it is told.
    let failed = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, mem::size_of_val(&set), &raw const set)
    };
    ensure!(failed == 0, "CPU {cpu} is not there for this process");
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0-only
//! Takes over a BPF half that schedules already, pinned by an agent that died or left.
//!
//! The skeleton is opened as ever, but its maps are the pinned ones, none of its
//! programs is loaded but the one that the agent itself runs, and its images of
//! BPF's memory give way to that memory.

#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libbpf_rs::skel::OpenSkel;
use libbpf_rs::{Link, MapCore, MapFlags, MapHandle, MapMut, OpenObject};
use rustix::mm::{MapFlags as Mapping, ProtFlags, mmap};
use scx_utils::{ScxConsts, scx_ops_open, uei_set_size};
use tracing::{info, warn};

use crate::agent::memory::{Memory, Tunables};
use crate::agent::params::Params;
use crate::agent::place::Map;
use crate::agent::roster::Roster;
use crate::agent::{price, sysfs};
use crate::bpf_skel::{BpfSkel, BpfSkelBuilder, types};
use crate::cli::Options;
use crate::ejection::orphan;
use crate::exit::Error;
use crate::hotplug::read_places;
use crate::load::{Hold, Loaded};
use crate::pins::{BUILD, Claim};
use crate::service::schedules;

/// What is pinned and still has the kernel's tasks.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A scheduler to take over: it is what was asked for.
    Same,
    /// One that can't be taken over: what it is or how it was loaded.
    Other(String),
}

impl Found {
    /// Whether there is one to take over. What is another is to be replaced.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is another, and `replace` does not allow that.
    pub fn fits(self, replace: bool) -> Result<bool, Error> {
        match self {
            Found::Nothing => Ok(false),
            Found::Same => Ok(true),
            Found::Other(what) if replace => {
                info!("replacing the pinned scheduler, which {what}");
                Ok(false)
            }
            Found::Other(what) => Err(Error::Unavailable(format!(
                "the pinned scheduler {what}: end it by 'scx_hallows stop' first, or start with \
                 --replace"
            ))),
        }
    }
}

/// Looks for a pinned scheduler to take over. One that the kernel ejected while it had
/// no agent is told of here, and leaves a report.
///
/// # Errors
/// What is pinned can't be read.
pub fn find(claim: &Claim, options: &Options, watchdog_ms: u32) -> Result<Found> {
    let Some(build) = claim.find()? else {
        return Ok(Found::Nothing);
    };
    if build != BUILD {
        if !schedules(Path::new("/")) {
            warn!("removing what the scheduler of build {build} left pinned");
            return Ok(Found::Nothing);
        }
        return Ok(Found::Other(format!("is of build {build}, not {BUILD}")));
    }
    let fixed = Fixed::of(&memory_of(claim, "bpf_bpf.rodata")?);
    if let Some(reason) = reason_of_end(&memory_of(claim, "bpf_bpf.data")?) {
        warn!("the pinned scheduler ended while it had no agent: {reason}");
        let folder = &options.report_dir;
        match orphan::report(claim, options, fixed.exit_dump_len, &reason, folder) {
            Ok(report) => warn!("what it knew is in {}", report.display()),
            Err(error) => warn!("no report of that: {error:#}"),
        }
        return Ok(Found::Nothing);
    }
    let wanted = Fixed {
        partial: options.partial,
        debug: options.debug,
        watchdog_ms,
        exit_dump_len: match options.exit_dump_len {
            0 => ScxConsts::ExitDumpDflLen as u32,
            len => len,
        },
    };
    match fixed.differs(&wanted) {
        None => Ok(Found::Same),
        Some(difference) => Ok(Found::Other(format!("was loaded {difference}"))),
    }
}

/// A pinned map's only value.
fn memory_of(claim: &Claim, map: &str) -> Result<Vec<u8>> {
    let path = claim.path(OsStr::new(map));
    let value = MapHandle::from_pinned_path(&path)
        .and_then(|map| map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY));
    value
        .map(Option::unwrap_or_default)
        .with_context(|| format!("read {}", path.display()))
}

/// What can't be changed while a program is loaded.
#[derive(Debug, PartialEq, Eq)]
struct Fixed {
    partial: bool,
    debug: bool,
    watchdog_ms: u32,
    exit_dump_len: u32,
}

impl Fixed {
    /// By the read-only memory of a program.
    fn of(rodata: &[u8]) -> Fixed {
        Fixed {
            partial: bytes_at::<1>(rodata, offset_of!(types::rodata, partial)) != [0],
            debug: bytes_at::<1>(rodata, offset_of!(types::rodata, debug)) != [0],
            watchdog_ms: u32_at(rodata, offset_of!(types::rodata, watchdog_ms)),
            exit_dump_len: u32_at(rodata, offset_of!(types::rodata, uei_dump_len)),
        }
    }

    /// The first option that would have to be another one for `wanted`.
    fn differs(&self, wanted: &Fixed) -> Option<String> {
        let with = |is: bool| if is { "with" } else { "without" };
        if self.partial != wanted.partial {
            return Some(format!("{} --partial", with(self.partial)));
        }
        if self.debug != wanted.debug {
            return Some(format!("{} --debug", with(self.debug)));
        }
        for (option, is, should) in [
            ("--watchdog-ms", self.watchdog_ms, wanted.watchdog_ms),
            ("--exit-dump-len", self.exit_dump_len, wanted.exit_dump_len),
        ] {
            if is != should {
                return Some(format!("with {option} {is}, not {should}"));
            }
        }
        None
    }
}

/// Why the kernel ended a scheduler, by its memory, if it did.
fn reason_of_end(data: &[u8]) -> Option<String> {
    if u32_at(data, offset_of!(types::data, uei.kind)) == 0 {
        return None;
    }
    let text = |at: usize| {
        let text = CStr::from_bytes_until_nul(data.get(at..).unwrap_or_default());
        text.unwrap_or_default().to_string_lossy()
    };
    let reason = text(offset_of!(types::data, uei.reason));
    Some(match text(offset_of!(types::data, uei.msg)) {
        message if message.is_empty() => reason.into_owned(),
        message => format!("{reason} ({message})"),
    })
}

fn u32_at(memory: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes_at(memory, at))
}

/// Some bytes of memory, zeros where it ends before them.
fn bytes_at<const N: usize>(memory: &[u8], at: usize) -> [u8; N] {
    let bytes = memory.get(at..at + N);
    bytes.map_or([0; N], |bytes| bytes.try_into().unwrap_or([0; N]))
}

/// Becomes the agent of the scheduler that [`find`] found, which goes by `params`
/// from now on.
///
/// # Errors
/// The pins are incomplete, or the kernel does not let this process use them; the
/// scheduler goes on, at most by other parameters.
pub fn adopt<'a>(
    options: &Options,
    params: &Params,
    object: &'a mut MaybeUninit<OpenObject>,
    counts: bool,
    claim: Claim,
) -> Result<Loaded<'a>> {
    let dump_len = options.exit_dump_len;
    let pinned = open(options, dump_len, object, counts, &claim)?;
    let Pinned {
        skel,
        memory,
        roster,
        map,
    } = pinned;
    let rodata = skel.maps.rodata_data;
    let nr_cpu_ids = rodata.context("no .rodata is mapped")?.nr_cpu_ids as usize;
    memory.watch(0);
    memory.tune(&Tunables::new(params, &price::static_ns(&map, params)));
    let link = Link::open(claim.link()).context("open the pinned link")?;
    let age = claim.since().and_then(|since| since.elapsed().ok());
    let age = age.unwrap_or_default();
    info!(
        "taking over the pinned scheduler, {} old",
        humantime::format_duration(Duration::from_secs(age.as_secs()))
    );
    Ok(Loaded {
        skel,
        hold: Hold {
            link,
            pins: Some(claim.take_over()),
        },
        memory,
        roster,
        map,
        nr_cpu_ids,
        since: Instant::now().checked_sub(age).unwrap_or_else(Instant::now),
        counters: None,
    })
}

/// A pinned scheduler, as this process sees it.
pub struct Pinned<'a> {
    pub skel: BpfSkel<'a>,
    pub memory: Memory,
    pub roster: Roster,
    /// Of the CPUs that are online.
    pub map: Map,
}

/// Opens the scheduler of `claim`, which has no part in that: whatever becomes of this
/// process and the result, it goes on, or has ended, as before.
///
/// # Errors
/// The pins are incomplete, or the kernel does not let this process use them.
pub fn open<'a>(
    options: &Options,
    exit_dump_len: u32,
    object: &'a mut MaybeUninit<OpenObject>,
    counts: bool,
    claim: &Claim,
) -> Result<Pinned<'a>> {
    let mut skel = skeleton(options, exit_dump_len, object, counts, claim)?;
    // SAFETY: the memory goes into the same struct as the skeleton.
    let memory = unsafe { Memory::of(&mut skel)? };
    let (_, nodes) = sysfs::read()?;
    let roster = Roster::resume(read_places(&skel)?, nodes);
    let map = roster.map(|cpu| memory.cell(cpu).offline == 0)?;
    map.fits_memory()?;
    Ok(Pinned {
        skel,
        memory,
        roster,
        map,
    })
}

/// A skeleton over the pinned maps.
fn skeleton<'a>(
    options: &Options,
    exit_dump_len: u32,
    open: &'a mut MaybeUninit<OpenObject>,
    counts: bool,
    claim: &Claim,
) -> Result<BpfSkel<'a>> {
    let builder = BpfSkelBuilder::default();
    let libbpf = options.libbpf.clone().into_bpf_open_opts();
    let mut skel = scx_ops_open!(builder, open, hallows_ops, libbpf)?;
    skel.struct_ops.hallows_ops_mut().exit_dump_len = exit_dump_len;
    uei_set_size!(skel, hallows_ops, uei);
    for mut program in skel.open_object_mut().progs_mut() {
        program.set_autoload(false);
    }
    skel.progs.hallows_place.set_autoload(true);
    skel.progs.hallows_look.set_autoload(true);
    skel.progs.hallows_refill.set_autoload(counts);
    // Were it to be created, its programs would be loaded, too.
    let ops = skel.maps.hallows_ops.name().to_owned();
    skel.maps.hallows_ops.set_autocreate(false)?;
    for mut map in skel.open_object_mut().maps_mut() {
        let path = claim.path(map.name());
        ensure!(path.exists(), "{} is missing", path.display());
        match map.name() == ops {
            true => map.reuse_pinned_map(&path)?,
            // For this one libbpf looks first whether it is what it should be.
            false => map.set_pin_path(&path)?,
        }
    }
    let mut skel = skel.load().context("use the pinned maps")?;
    replace_images(&mut skel)?;
    Ok(skel)
}

/// Puts BPF's memory where libbpf has left the images that a new program would
/// begin with. The skeleton goes on pointing there.
fn replace_images(skel: &mut BpfSkel<'_>) -> Result<()> {
    let maps = &mut skel.maps;
    let missing = "an image of BPF's memory is missing";
    let rodata: *const types::rodata = maps.rodata_data.context(missing)?;
    let bss: *mut types::bss = maps.bss_data.as_deref_mut().context(missing)?;
    let data: *mut types::data = maps.data_data.as_deref_mut().context(missing)?;
    let dump: *mut types::data_uei_dump =
        maps.data_uei_dump_data.as_deref_mut().context(missing)?;
    let write = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: libbpf mapped an image for each of these maps at its address, of the
    // map's size, which for the dump was set before; it unmaps that range when the
    // object is closed, whatever is there then. Nobody has read the images.
    unsafe {
        replace(&maps.rodata, rodata.cast_mut().cast(), ProtFlags::READ)?;
        replace(&maps.bss, bss.cast(), write)?;
        replace(&maps.data, data.cast(), write)?;
        replace(&maps.data_uei_dump, dump.cast(), write)
    }
}

/// Maps the value of `map` at `image`.
///
/// # Safety
/// As much memory as the value takes is mapped at `image`, and nobody but the
/// skeleton has to do with it.
unsafe fn replace(map: &MapMut<'_>, image: *mut c_void, access: ProtFlags) -> Result<()> {
    let (flags, len) = (Mapping::SHARED | Mapping::FIXED, map.value_size() as usize);
    // SAFETY: by the contract of this function.
    unsafe { mmap(image, len, access, flags, map.as_fd(), 0) }
        .with_context(|| format!("map {}", map.name().to_string_lossy()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADED: Fixed = Fixed {
        partial: false,
        debug: false,
        watchdog_ms: 15_000,
        exit_dump_len: 32_768,
    };

    #[test]
    fn another_one_is_replaced_if_that_is_allowed() {
        assert_eq!(Found::Nothing.fits(false), Ok(false));
        assert_eq!(Found::Same.fits(true), Ok(true));
        let other = || Found::Other("is of build 0".into());
        assert_eq!(other().fits(true), Ok(false));
        let refusal = other().fits(false).unwrap_err();
        assert_eq!(refusal.code(), 69);
        assert!(refusal.to_string().contains("scx_hallows stop"));
    }

    #[test]
    fn what_differs_is_named() {
        assert_eq!(LOADED.differs(&LOADED), None);
        let told = |wanted: Fixed| LOADED.differs(&wanted).unwrap();
        assert_eq!(
            told(Fixed {
                partial: true,
                ..LOADED
            }),
            "without --partial"
        );
        assert_eq!(
            told(Fixed {
                watchdog_ms: 5_000,
                ..LOADED
            }),
            "with --watchdog-ms 15000, not 5000"
        );
        let debug = Fixed {
            debug: true,
            ..LOADED
        };
        assert_eq!(debug.differs(&LOADED).unwrap(), "with --debug");
        let long = Fixed {
            exit_dump_len: 65_536,
            ..LOADED
        };
        assert_eq!(told(long), "with --exit-dump-len 32768, not 65536");
    }

    #[test]
    fn options_are_read_from_the_memory_of_a_program() {
        let mut rodata = vec![0; size_of::<types::rodata>()];
        rodata[offset_of!(types::rodata, partial)] = 1;
        let at = offset_of!(types::rodata, watchdog_ms);
        rodata[at..at + 4].copy_from_slice(&7_000u32.to_ne_bytes());
        let fixed = Fixed::of(&rodata);
        assert!(fixed.partial && !fixed.debug);
        assert_eq!((fixed.watchdog_ms, fixed.exit_dump_len), (7_000, 0));
        assert_eq!(Fixed::of(&[]).watchdog_ms, 0);
    }

    #[test]
    fn an_end_has_its_reason() {
        let mut data = vec![0; size_of::<types::data>()];
        assert_eq!(reason_of_end(&data), None);
        data[offset_of!(types::data, uei.kind)] = 1;
        let mut write = |at: usize, text: &str| {
            data[at..at + text.len()].copy_from_slice(text.as_bytes());
        };
        write(offset_of!(types::data, uei.reason), "runnable task stall");
        write(offset_of!(types::data, uei.msg), "make[7] failed to run");
        assert_eq!(
            reason_of_end(&data).unwrap(),
            "runnable task stall (make[7] failed to run)"
        );
    }
}

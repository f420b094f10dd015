// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask run`: builds scx_hallows and shows it at work under a load, on
//! this machine where its kernel can load it, else in a VM.

mod act;
pub mod build;
mod event;
mod place;
mod record;
mod screen;
mod stage;
mod stats;
mod summary;

use anyhow::{Result, bail};

use crate::cli::RunArgs;
use crate::interrupt;
use crate::setup;
use act::Act;
use place::Place;
use record::Record;
use screen::Screen;
use stage::End;

/// Tells the user what is going on, on standard error.
fn say(text: &str) {
    text.lines().for_each(|line| eprintln!("run: {line}"));
}

/// Sets up, builds, shows, sums up. Returns the exit status.
///
/// # Errors
/// When something is missing that cannot be set up, when the build fails, and
/// when the show fails; what was seen until then has been printed.
pub fn command(args: &RunArgs) -> Result<u8> {
    let place = if args.vm {
        Place::Vm("as you asked".into())
    } else {
        Place::find()
    };
    match &place {
        Place::Here => say("showing scx_hallows on this machine, whose kernel has sched_ext"),
        Place::Vm(why) => say(&format!("showing scx_hallows in a VM: {why}")),
    }
    let acts = prepare(&place, args.seconds);
    if interrupt::seen() {
        say("interrupted before the show; the same command will go on from here");
        return Ok(interrupt::EXIT_STATUS);
    }
    perform(acts?, &place)
}

fn prepare(place: &Place, seconds: u32) -> Result<Vec<Act>> {
    say("setting up what is missing: some minutes on a new machine, else a moment");
    setup::for_build()?;
    let acts = match place {
        Place::Here => act::here(seconds)?,
        Place::Vm(_) => act::in_vm(seconds)?,
    };
    say("building: some minutes the first time, else a moment");
    build::release()?;
    Ok(acts)
}

/// The acts one after the other, then the summary and how it all ended.
fn perform(acts: Vec<Act>, place: &Place) -> Result<u8> {
    let mut records = Vec::new();
    let mut end = End::Exited(0);
    for act in acts {
        say(&act.what);
        let mut record = Record::new(act.clock);
        let mut screen = Screen::new(act.live);
        let mut lines = event::Reader::default();
        end = stage::watch(act.command, &mut |line| {
            if let Some(event) = lines.line(line) {
                screen.show(&event);
                record.add(event);
            }
        })?;
        records.push(record);
        if end != End::Exited(0) {
            break;
        }
    }
    screen::print(&format!("\n{}", summary::Summary(&records)));
    let vm = if *place == Place::Here {
        "the default scheduler has this machine"
    } else {
        "the VM is off"
    };
    match end {
        End::Exited(0) => say(&format!("ended as planned; {vm}")),
        End::Interrupted => say(&format!("interrupted; {vm}")),
        End::Exited(status) => bail!("the show failed with exit status {status}; {vm}"),
    }
    Ok(if end == End::Interrupted {
        interrupt::EXIT_STATUS
    } else {
        0
    })
}

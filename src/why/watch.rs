// SPDX-License-Identifier: GPL-2.0-only
//! Collects BPF's decisions about the task that a client asks about.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use libbpf_rs::{RingBuffer, RingBufferBuilder};

use super::{Event, Heard};
use crate::agent::memory::Memory;
use crate::bpf_skel::BpfSkel;
use crate::stats::owner::{Client, Owner};

/// Most events kept between two requests; more are lost.
const MAX_EVENTS: usize = 10_000;

/// What came out of the ring buffer, of the task that is watched.
#[derive(Debug, Default)]
struct Sink {
    pid: u32,
    heard: Heard,
}

impl Sink {
    /// Keeps a record, unless it is of a task that was watched before.
    fn keep(&mut self, record: &[u8]) {
        match Event::from_bytes(record) {
            Some((pid, event)) if pid == self.pid => {
                if self.heard.events.len() < MAX_EVENTS {
                    self.heard.events.push(event);
                } else {
                    self.heard.lost += 1;
                }
            }
            _ => (),
        }
    }
}

/// The ring buffer of decisions, and who is watched. Nobody is, at first: then
/// BPF writes nothing.
pub struct Watch {
    ring: RingBuffer<'static>,
    sink: Rc<RefCell<Sink>>,
    lost: u64,
    owner: Owner,
}

impl Watch {
    /// Opens the ring buffer of a loaded skeleton.
    ///
    /// # Errors
    /// The system refuses to map it.
    pub fn of(skel: &BpfSkel<'_>) -> Result<Watch> {
        let sink: Rc<RefCell<Sink>> = Rc::default();
        let keeper = Rc::clone(&sink);
        let mut builder = RingBufferBuilder::new();
        builder
            .add(&skel.maps.whys, move |record| {
                keeper.borrow_mut().keep(record);
                0
            })
            .context("read the ring buffer of decisions")?;
        Ok(Watch {
            ring: builder
                .build()
                .context("map the ring buffer of decisions")?,
            sink,
            lost: 0,
            owner: Owner::default(),
        })
    }

    /// The decisions about the task `pid` since `client` asked last; none when it
    /// was not watched until now. A client that leaves asks about 0.
    ///
    /// # Errors
    /// Another client follows a task, or the ring buffer can't be read.
    pub fn ask(&mut self, memory: &Memory, client: &Client, pid: u32) -> Result<Heard> {
        let watched = self.sink.borrow().pid;
        if self.owner.is_another(client) {
            bail!("task {watched} is followed already: one at a time, try again when that ends");
        }
        self.ring
            .consume()
            .context("read the ring buffer of decisions")?;
        let begins = self.owner.admit(client);
        if pid == 0 {
            self.owner = Owner::default();
        }
        if begins || watched != pid {
            *self.sink.borrow_mut() = Sink {
                pid,
                ..Sink::default()
            };
            self.lost = memory.lost();
            memory.watch(pid);
        }
        let mut heard = std::mem::take(&mut self.sink.borrow_mut().heard);
        let lost = memory.lost();
        heard.lost += lost.saturating_sub(self.lost);
        self.lost = lost;
        Ok(heard)
    }

    /// Stops to watch when nobody asks any more.
    pub fn rest(&mut self, memory: &Memory) {
        let mut sink = self.sink.borrow_mut();
        if sink.pid != 0 && !self.owner.is_there() {
            *sink = Sink::default();
            memory.watch(0);
        }
    }
}

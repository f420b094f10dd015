// SPDX-License-Identifier: GPL-2.0-only
//! Collects BPF's decisions about the task that a client asks about.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use libbpf_rs::{RingBuffer, RingBufferBuilder};

use super::Event;
use crate::agent::memory::Memory;
use crate::bpf_skel::BpfSkel;

/// A client that did not ask for so long is gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most events kept between two requests; more are dropped.
const MAX_EVENTS: usize = 10_000;

/// The ring buffer of decisions, and who is watched. Nobody is, at first: then
/// BPF writes nothing.
pub struct Watch {
    ring: RingBuffer<'static>,
    events: Rc<RefCell<Vec<Event>>>,
    pid: u32,
    asked: Instant,
}

impl Watch {
    /// Opens the ring buffer of a loaded skeleton.
    ///
    /// # Errors
    /// The system refuses to map it.
    pub fn of(skel: &BpfSkel<'_>) -> Result<Watch> {
        let events: Rc<RefCell<Vec<Event>>> = Rc::default();
        let sink = Rc::clone(&events);
        let mut builder = RingBufferBuilder::new();
        builder
            .add(&skel.maps.whys, move |bytes| {
                let mut events = sink.borrow_mut();
                if events.len() < MAX_EVENTS {
                    events.extend(Event::from_bytes(bytes));
                }
                0
            })
            .context("read the ring buffer of decisions")?;
        Ok(Watch {
            ring: builder
                .build()
                .context("map the ring buffer of decisions")?,
            events,
            pid: 0,
            asked: Instant::now(),
        })
    }

    /// The decisions about the task `pid` since this was asked last; none when
    /// another task was watched until now.
    ///
    /// # Errors
    /// The ring buffer can't be read.
    pub fn ask(&mut self, memory: &Memory, pid: u32) -> Result<Vec<Event>> {
        self.asked = Instant::now();
        self.ring
            .consume()
            .context("read the ring buffer of decisions")?;
        if self.pid != pid {
            self.events.borrow_mut().clear();
            self.pid = pid;
            memory.watch(pid);
        }
        Ok(self.events.take())
    }

    /// Stops to watch when nobody asks any more.
    pub fn rest(&mut self, memory: &Memory) {
        if self.pid != 0 && self.asked.elapsed() > PATIENCE {
            self.pid = 0;
            memory.watch(0);
        }
    }
}

// SPDX-License-Identifier: GPL-2.0-only
//! Trace records to events.

use anyhow::{Context, Result};

use super::format::{Field, Format};
use crate::event::{Comm, Kind, Left, MaskChange, Pid};
use crate::mask::CpuMask;

/// Text of the marker that ends the initial snapshot.
pub const READY_MARK: &str = "hallows-oracle ready";
/// Text of the marker that ends the trace.
pub const END_MARK: &str = "hallows-oracle end";

/// Zombie and dead, in `prev_state` of sched_switch.
const STATE_GONE: i64 = 0x10 | 0x20;
/// The states in `prev_state`; the bit above them marks a preempted task.
const STATE_MASK: i64 = 0xff;
/// `SCA_MIGRATE_DISABLE` and `SCA_MIGRATE_ENABLE` of kernel/sched/sched.h.
const PIN_FLAG: i64 = 0x02;
const UNPIN_FLAG: i64 = 0x04;

/// Events that a recording needs, as `system/event` under `events`.
pub const TRACEPOINTS: [&str; 8] = [
    "sched/sched_switch",
    "sched/sched_waking",
    "sched/sched_wakeup",
    "sched/sched_migrate_task",
    "sched/sched_process_exit",
    "sched/sched_process_exec",
    "cpuhp/cpuhp_enter",
    "cpuhp/cpuhp_exit",
];

/// The record of a marker, always on.
pub const MARKER: &str = "ftrace/print";

/// Probe on the function where every change of a task's masks ends up.
pub const ALLOWED_PROBE: Probe = Probe {
    event: "allowed",
    definition: "set_cpus_allowed_common pid=p->pid:s32 flags=ctx->flags:u32 mask=+0(ctx->new_mask):x64",
};

/// Probe on the function that starts a new task, when its mask is final.
pub const NEW_PROBE: Probe = Probe {
    event: "new",
    definition: "wake_up_new_task pid=p->pid:s32 prio=p->prio:s32 mask=+0(p->cpus_ptr):x64",
};

/// A kprobe event whose last argument is a CPU mask.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Name of the event.
    pub event: &'static str,
    /// Function and arguments; the mask's length is still to be appended.
    pub definition: &'static str,
}

impl Probe {
    /// The line for `kprobe_events` on a machine whose CPU numbers are below
    /// `cpus`.
    pub fn line(&self, group: &str, cpus: u32) -> String {
        let words = cpus.div_ceil(64).max(1);
        format!("p:{group}/{} {}[{words}]", self.event, self.definition)
    }
}

/// Reads fields in the order in which they were named.
#[derive(Debug)]
struct Reader {
    id: u16,
    fields: Vec<Field>,
}

impl Reader {
    fn new(format: &Format, names: &[&str]) -> Result<Self> {
        let fields = names.iter().map(|name| format.field(name));
        Ok(Self {
            id: format.id,
            fields: fields.collect::<Result<_>>()?,
        })
    }

    fn integer(&self, index: usize, record: &[u8]) -> Option<i64> {
        self.fields[index].integer(record)
    }

    fn pid(&self, index: usize, record: &[u8]) -> Option<Pid> {
        Some(self.integer(index, record)? as Pid)
    }

    fn prio(&self, index: usize, record: &[u8]) -> Option<i32> {
        Some(self.integer(index, record)? as i32)
    }

    fn comm(&self, index: usize, record: &[u8]) -> Option<Comm> {
        Some(Comm::new(self.fields[index].bytes(record)?))
    }

    fn mask(&self, index: usize, record: &[u8], possible: &CpuMask) -> Option<CpuMask> {
        let words = self.fields[index].bytes(record)?.chunks_exact(8);
        let words = words.filter_map(|w| Some(u64::from_le_bytes(w.try_into().ok()?)));
        // The kernel leaves the bits past the last possible CPU undefined.
        Some(CpuMask::from_words(words).and(possible))
    }
}

/// Decodes records of one recording.
#[derive(Debug)]
pub struct Decoder {
    possible: CpuMask,
    /// The hotplug step at which a CPU begins and ceases to take tasks.
    active_step: i64,
    switch: Reader,
    waking: Reader,
    wakeup: Reader,
    migrate: Reader,
    exit: Reader,
    exec: Reader,
    hotplug_enter: Reader,
    hotplug_exit: Reader,
    allowed: Reader,
    new: Reader,
    marker: Reader,
}

impl Decoder {
    /// Prepares for a kernel's records. `format` returns the layout of an event
    /// by its `system/event` name; `group` is the probes' system.
    ///
    /// # Errors
    /// When an event or one of its fields is missing.
    pub fn new(
        format: impl Fn(&str) -> Result<Format>,
        group: &str,
        possible: CpuMask,
        active_step: i64,
    ) -> Result<Self> {
        let reader = |event: &str, fields: &[&str]| {
            format(event)
                .and_then(|format| Reader::new(&format, fields))
                .with_context(|| format!("event {event}"))
        };
        let probe =
            |probe: &Probe, fields: &[&str]| reader(&format!("{group}/{}", probe.event), fields);
        Ok(Self {
            possible,
            active_step,
            switch: reader(
                "sched/sched_switch",
                &[
                    "prev_pid",
                    "prev_prio",
                    "prev_state",
                    "next_pid",
                    "next_prio",
                    "next_comm",
                ],
            )?,
            waking: reader("sched/sched_waking", &["pid"])?,
            wakeup: reader("sched/sched_wakeup", &["pid", "prio", "target_cpu", "comm"])?,
            migrate: reader("sched/sched_migrate_task", &["pid", "dest_cpu"])?,
            exit: reader("sched/sched_process_exit", &["pid"])?,
            exec: reader("sched/sched_process_exec", &["pid", "old_pid"])?,
            hotplug_enter: reader("cpuhp/cpuhp_enter", &["cpu", "idx", "target"])?,
            hotplug_exit: reader("cpuhp/cpuhp_exit", &["cpu", "idx", "state", "ret"])?,
            allowed: probe(&ALLOWED_PROBE, &["pid", "flags", "mask"])?,
            new: probe(&NEW_PROBE, &["pid", "prio", "mask"])?,
            marker: reader(MARKER, &["buf"])?,
        })
    }

    /// The event of a record.
    ///
    /// # Errors
    /// When the record is shorter than its layout. `Ok(None)`: nothing of interest.
    pub fn decode(&self, record: &[u8]) -> Result<Option<Kind>> {
        let id = record.first_chunk().context("a record without a type")?;
        let id = u16::from_le_bytes(*id);
        let of = |reader: &Reader| reader.id == id;
        // The most frequent ones first.
        let kind = if of(&self.switch) {
            self.decode_switch(record)
        } else if of(&self.wakeup) {
            self.decode_wakeup(record)
        } else if of(&self.waking) {
            self.waking.pid(0, record).map(|pid| Kind::Waking { pid })
        } else if of(&self.migrate) {
            let fields = self.migrate.pid(0, record).zip(self.migrate.pid(1, record));
            fields.map(|(pid, to)| Kind::Migrate { pid, to })
        } else if of(&self.allowed) {
            self.decode_allowed(record)
        } else if of(&self.new) {
            self.decode_new(record)
        } else if of(&self.exit) {
            self.exit.pid(0, record).map(|pid| Kind::Exit { pid })
        } else if of(&self.exec) {
            let fields = self.exec.pid(0, record).zip(self.exec.pid(1, record));
            fields.map(|(pid, old)| Kind::Exec { pid, old })
        } else {
            return Ok(self.decode_rare(id, record));
        };
        kind.map(Some).context("a record shorter than its layout")
    }

    fn decode_switch(&self, record: &[u8]) -> Option<Kind> {
        let r = &self.switch;
        let state = r.integer(2, record)?;
        Some(Kind::Switch {
            prev: r.pid(0, record)?,
            prev_prio: r.prio(1, record)?,
            left: match state {
                s if s & STATE_GONE != 0 => Left::Dead,
                s if s & STATE_MASK != 0 => Left::Blocked,
                _ => Left::Runnable,
            },
            next: r.pid(3, record)?,
            next_prio: r.prio(4, record)?,
            next_comm: r.comm(5, record)?,
        })
    }

    fn decode_wakeup(&self, record: &[u8]) -> Option<Kind> {
        let r = &self.wakeup;
        Some(Kind::Wakeup {
            pid: r.pid(0, record)?,
            prio: r.prio(1, record)?,
            target: r.pid(2, record)?,
            comm: r.comm(3, record)?,
        })
    }

    fn decode_allowed(&self, record: &[u8]) -> Option<Kind> {
        let r = &self.allowed;
        let flags = r.integer(1, record)?;
        Some(Kind::Allowed {
            pid: r.pid(0, record)?,
            change: match flags {
                f if f & PIN_FLAG != 0 => MaskChange::Pin,
                f if f & UNPIN_FLAG != 0 => MaskChange::Unpin,
                _ => MaskChange::Set,
            },
            mask: r.mask(2, record, &self.possible)?,
        })
    }

    fn decode_new(&self, record: &[u8]) -> Option<Kind> {
        let r = &self.new;
        Some(Kind::New {
            pid: r.pid(0, record)?,
            prio: r.prio(1, record)?,
            mask: r.mask(2, record, &self.possible)?,
        })
    }

    /// Hotplug steps other than the one of interest, markers other than ours and
    /// unknown records are `None`.
    fn decode_rare(&self, id: u16, record: &[u8]) -> Option<Kind> {
        if id == self.hotplug_enter.id {
            let r = &self.hotplug_enter;
            let down = r.integer(2, record)? < self.active_step;
            let target = r.pid(0, record)?;
            let at_step = r.integer(1, record)? == self.active_step;
            (at_step && down).then_some(Kind::CpuDown { target })
        } else if id == self.hotplug_exit.id {
            let r = &self.hotplug_exit;
            let up = r.integer(2, record)? >= self.active_step;
            let done = r.integer(3, record)? == 0;
            let target = r.pid(0, record)?;
            let at_step = r.integer(1, record)? == self.active_step;
            // Up and done, or not gone down after all.
            (at_step && up == done).then_some(Kind::CpuUp { target })
        } else if id == self.marker.id {
            let text = record.get(self.marker.fields[0].offset..)?;
            let is = |mark: &str| text.starts_with(mark.as_bytes());
            match () {
                () if is(READY_MARK) => Some(Kind::Ready),
                () if is(END_MARK) => Some(Kind::End),
                () => None,
            }
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layout with 8-byte integers in the given order from offset 8, names
    /// ending in "comm" 16 bytes, ids from the name's length.
    fn toy_format(event: &str) -> Result<Format> {
        let names: &[&str] = match event {
            "sched/sched_switch" => &[
                "prev_pid",
                "prev_prio",
                "prev_state",
                "next_pid",
                "next_prio",
                "next_comm",
            ],
            "sched/sched_wakeup" => &["pid", "prio", "target_cpu", "comm"],
            "cpuhp/cpuhp_enter" => &["cpu", "idx", "target"],
            "cpuhp/cpuhp_exit" => &["cpu", "idx", "state", "ret"],
            "g/allowed" => &["pid", "flags", "mask"],
            "g/new" => &["pid", "prio", "mask"],
            MARKER => &["buf"],
            _ => &["pid", "dest_cpu", "old_pid"],
        };
        let id: u32 = event.bytes().map(u32::from).sum();
        let mut text = format!("ID: {id}\n");
        for (index, name) in names.iter().enumerate() {
            let size = if name.ends_with("comm") { 16 } else { 8 };
            text += &format!(
                "field:x {name}; offset:{}; size:{size}; signed:1;\n",
                8 + 8 * index
            );
        }
        Format::parse(&text)
    }

    fn decode(event: &str, values: &[i64]) -> Option<Kind> {
        let possible = "0-3".parse().unwrap();
        let decoder = Decoder::new(toy_format, "g", possible, 236).unwrap();
        let mut record = toy_format(event).unwrap().id.to_le_bytes().to_vec();
        record.resize(8, 0);
        record.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        decoder.decode(&record).unwrap()
    }

    #[test]
    fn states_of_a_task_that_leaves_its_cpu() {
        for (state, expected) in [
            (0, Left::Runnable),
            (0x100, Left::Runnable),
            (1, Left::Blocked),
            (2, Left::Blocked),
            (0x80, Left::Blocked),
            (0x20, Left::Dead),
            (0x10, Left::Dead),
        ] {
            let kind = decode("sched/sched_switch", &[7, 120, state, 8, 99, 0x61, 0]).unwrap();
            let Kind::Switch {
                left, next_comm, ..
            } = kind
            else {
                panic!("{kind:?}")
            };
            assert_eq!((left, next_comm), (expected, Comm::new(b"a")));
        }
    }

    #[test]
    fn masks_lose_impossible_cpus_and_flags_tell_the_change() {
        for (flags, change) in [
            (1 | 8, MaskChange::Set),
            (2, MaskChange::Pin),
            (4, MaskChange::Unpin),
        ] {
            let mask = "1-2".parse().unwrap();
            let expected = Kind::Allowed {
                pid: 5,
                change,
                mask,
            };
            assert_eq!(decode("g/allowed", &[5, flags, 0xf6]), Some(expected));
        }
    }

    #[test]
    fn a_cpu_goes_down_when_deactivation_begins_and_is_up_when_activation_is_done() {
        let enter = |values| decode("cpuhp/cpuhp_enter", values);
        assert_eq!(enter(&[1, 236, 145]), Some(Kind::CpuDown { target: 1 }));
        assert_eq!(enter(&[1, 236, 237]), None);
        assert_eq!(enter(&[1, 200, 145]), None);
        let exit = |values| decode("cpuhp/cpuhp_exit", values);
        assert_eq!(exit(&[1, 236, 236, 0]), Some(Kind::CpuUp { target: 1 }));
        assert_eq!(exit(&[1, 236, 235, 0]), None);
        assert_eq!(exit(&[1, 236, 235, -16]), Some(Kind::CpuUp { target: 1 }));
        assert_eq!(exit(&[1, 200, 200, 0]), None);
    }

    #[test]
    fn markers_and_unknown_records() {
        let text = |mark: &str| -> Vec<i64> {
            let mut bytes = mark.as_bytes().to_vec();
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            let words = bytes.chunks_exact(8);
            words
                .map(|w| i64::from_le_bytes(w.try_into().unwrap()))
                .collect()
        };
        assert_eq!(decode(MARKER, &text(READY_MARK)), Some(Kind::Ready));
        assert_eq!(decode(MARKER, &text(END_MARK)), Some(Kind::End));
        assert_eq!(decode(MARKER, &text("something else")), None);
        assert_eq!(decode("other/event", &[1]), None);
    }

    #[test]
    fn probes_have_a_word_for_every_64_cpus() {
        assert!(
            NEW_PROBE
                .line("g", 4)
                .starts_with("p:g/new wake_up_new_task ")
        );
        assert!(NEW_PROBE.line("g", 64).ends_with("x64[1]"));
        assert!(ALLOWED_PROBE.line("g", 1024).ends_with("x64[16]"));
    }
}

// SPDX-License-Identifier: GPL-2.0-only
//! Windows: what a cell did between two readings of its counters.
//!
//! A cell is written when something happens on its CPU, so a CPU that runs one
//! task, or none, for the whole window writes nothing. What it did since its
//! last write is extrapolated: an idle CPU stays idle and has no queue, a busy
//! one stays busy and its queue keeps its length.

use super::weight::Served;
use serde::{Deserialize, Serialize};

/// Flag of a cell whose CPU a higher scheduling class has (`CELL_HELD`).
pub const CELL_HELD: u32 = 4;

/// More tasks than a kernel has (`PID_MAX_LIMIT`), so no queue is longer.
const MAX_QUEUE: f64 = 4_194_304.0;

/// A reading of the part of `struct cell` that the automaton needs, all times
/// in nanoseconds of the cells' clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When the cell was last written.
    pub updated_ns: u64,
    /// Time spent running tasks up to `updated_ns`.
    pub busy_ns: u64,
    /// Integral of the queue length up to `updated_ns`, in task-nanoseconds.
    pub queue_integral_ns: u64,
    /// Virtual clock of the CPU: how long one of the usual weight would have run.
    pub vclock_ns: u64,
    /// Part of `busy_ns` in which light tasks ran, in whole runs.
    pub light_ns: u64,
    /// Start of the current run, 0: none.
    pub run_since_ns: u64,
    /// Start of the current idle period, 0: busy.
    pub idle_since_ns: u64,
    /// Length of the queue at `updated_ns`.
    pub nr_queued: u32,
    /// `enum hallows_cell_flags`.
    pub flags: u32,
}

impl Sample {
    fn held(&self) -> bool {
        self.flags & CELL_HELD != 0
    }

    fn running(&self) -> bool {
        self.run_since_ns != 0
    }

    /// A CPU is told to be idle last of all: its line may be read half written,
    /// and a higher class does not clear the mark.
    fn idle(&self) -> bool {
        self.idle_since_ns != 0 && !self.running() && !self.held()
    }

    /// Queue length now.
    fn queue(&self) -> u64 {
        if self.idle() {
            0
        } else {
            self.nr_queued.into()
        }
    }

    /// Time spent running tasks up to `now_ns`.
    fn busy_at(&self, now_ns: u64) -> u64 {
        let run = if self.running() {
            grown(self.updated_ns, now_ns)
        } else {
            0
        };
        self.busy_ns.wrapping_add(run)
    }

    /// Integral of the queue length up to `now_ns`.
    fn queue_integral_at(&self, now_ns: u64) -> u64 {
        let since = self.queue().wrapping_mul(grown(self.updated_ns, now_ns));
        self.queue_integral_ns.wrapping_add(since)
    }
}

/// How far a counter went. It may wrap, but only forwards: a step back is a
/// clock that jumped or a line read half written, and counts as none.
fn grown(before: u64, after: u64) -> u64 {
    let step = after.wrapping_sub(before);
    if step > u64::MAX / 2 { 0 } else { step }
}

/// The load of a cell over a window, or its EWMA.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Window {
    /// Mean queue length in tasks, without the running one; finite, >= 0.
    pub q: f64,
    /// Share of the time that the CPU had no time to give, in 0..=1.
    pub u: f64,
    /// Tasks queued or running, light ones counted by their weight: at most `q + u`.
    pub load: f64,
    /// A higher class has the CPU at the end of it.
    pub held: bool,
}

impl Window {
    /// A window of a CPU that no higher class has.
    pub const fn new(q: f64, u: f64) -> Window {
        Window {
            q,
            u,
            load: q + u,
            held: false,
        }
    }

    /// The window between the reading `before`, at `before_ns`, and `after`, at
    /// `after_ns`. When no time passed, or the clock went back, it is the
    /// instant of `after`.
    pub fn between(before: &Sample, before_ns: u64, after: &Sample, after_ns: u64) -> Window {
        let length = grown(before_ns, after_ns) as f64;
        if length == 0.0 {
            return Window::instant(after);
        }
        let busy = grown(before.busy_at(before_ns), after.busy_at(after_ns));
        let queue = grown(
            before.queue_integral_at(before_ns),
            after.queue_integral_at(after_ns),
        );
        // Tasks of a higher class are not counted, but leave no time either.
        let u = if after.held() {
            1.0
        } else {
            busy as f64 / length
        };
        Window {
            held: after.held(),
            ..Window::new((queue as f64 / length).min(MAX_QUEUE), u.min(1.0))
        }
    }

    /// What a single reading tells: the first of a cell has no other before it.
    pub fn instant(sample: &Sample) -> Window {
        let busy = sample.running() || sample.held();
        Window {
            held: sample.held(),
            ..Window::new(
                (sample.queue() as f64).min(MAX_QUEUE),
                f64::from(u8::from(busy)),
            )
        }
    }

    /// How far the clock of the cell went on in the same window, and for how long light
    /// tasks ran, as shares of its length.
    pub fn served(before: &Sample, before_ns: u64, after: &Sample, after_ns: u64) -> Served {
        let length = grown(before_ns, after_ns).max(1) as f64;
        Served {
            clock: grown(before.vclock_ns, after.vclock_ns) as f64 / length,
            light: grown(before.light_ns, after.light_ns) as f64 / length,
        }
    }

    /// EWMA with alpha 1/2 of `self` and the newer window `next`.
    pub fn ewma(self, next: Window) -> Window {
        Window {
            q: (self.q + next.q) / 2.0,
            u: (self.u + next.u) / 2.0,
            load: (self.load + next.load) / 2.0,
            held: next.held,
        }
    }

    /// Share of the time that the CPU idled.
    pub fn idle(self) -> f64 {
        1.0 - self.u
    }
}

/// The cells' clock as seen from user space, which can't read it.
///
/// It runs at the rate of `CLOCK_MONOTONIC` to within the kernel's largest
/// slew, 500 ppm, from another origin; over days the two drift apart by
/// seconds. It is never before the newest write to a cell. So: follow
/// `CLOCK_MONOTONIC` a little too slowly, and let every write pull forward.
#[derive(Clone, Copy, Debug, Default)]
pub struct CellClock {
    now_ns: u64,
    monotonic_ns: u64,
}

impl CellClock {
    /// The cells' time at the reading `monotonic_ns` of `CLOCK_MONOTONIC`,
    /// where `newest_ns` is the largest `updated_ns` of the samples read. Never
    /// goes back.
    pub fn now_ns(&mut self, monotonic_ns: u64, newest_ns: u64) -> u64 {
        let passed = monotonic_ns.saturating_sub(self.monotonic_ns);
        let first = self.now_ns == 0;
        self.monotonic_ns = self.monotonic_ns.max(monotonic_ns);
        if !first {
            self.now_ns = self.now_ns.saturating_add(passed - passed / 1000);
        }
        self.now_ns = self.now_ns.max(newest_ns);
        self.now_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn busy(since: u64, nr_queued: u32) -> Sample {
        Sample {
            updated_ns: since,
            run_since_ns: since,
            nr_queued,
            ..Sample::default()
        }
    }

    fn idle(since: u64) -> Sample {
        Sample {
            updated_ns: since,
            idle_since_ns: since,
            ..Sample::default()
        }
    }

    #[test]
    fn counters_that_moved() {
        let before = Sample {
            updated_ns: 100 * MS,
            ..idle(100 * MS)
        };
        let after = Sample {
            updated_ns: 109 * MS,
            idle_since_ns: 109 * MS,
            busy_ns: 4 * MS,
            queue_integral_ns: 15 * MS,
            ..Sample::default()
        };
        let window = Window::between(&before, 100 * MS, &after, 110 * MS);
        assert_eq!(window, Window::new(1.5, 0.4));
        assert_eq!(window.idle(), 0.6);
    }

    #[test]
    fn a_silent_cell_goes_on_as_it_was() {
        let window = |sample: Sample| Window::between(&sample, 200 * MS, &sample, 210 * MS);
        assert_eq!(window(idle(100 * MS)), Window::new(0.0, 0.0));
        assert_eq!(window(busy(100 * MS, 3)), Window::new(3.0, 1.0));
        // An idle CPU that still shows a queue: the queue is not its any more.
        let stale = Sample {
            nr_queued: 3,
            ..idle(100 * MS)
        };
        assert_eq!(window(stale), Window::new(0.0, 0.0));
    }

    #[test]
    fn a_run_that_ends_is_counted_once() {
        let (before, mut after) = (busy(195 * MS, 0), idle(202 * MS));
        after.busy_ns = 7 * MS;
        let window = Window::between(&before, 200 * MS, &after, 210 * MS);
        assert_eq!(window, Window::new(0.0, 0.2));
    }

    #[test]
    fn a_run_that_begins_is_counted_to_the_end() {
        let (before, after) = (idle(150 * MS), busy(207 * MS, 2));
        let window = Window::between(&before, 200 * MS, &after, 210 * MS);
        assert_eq!(window, Window::new(0.6, 0.3));
    }

    #[test]
    fn a_cpu_of_a_higher_class_has_no_time_to_give() {
        let held = Sample {
            flags: CELL_HELD,
            nr_queued: 2,
            ..idle(150 * MS)
        };
        let window = Window::between(&held, 200 * MS, &held, 210 * MS);
        let taken = Window {
            held: true,
            ..Window::new(2.0, 1.0)
        };
        assert_eq!(window, taken);
        assert_eq!(Window::instant(&held), taken);
        assert!(!taken.ewma(Window::new(2.0, 1.0)).held);
    }

    #[test]
    fn a_clock_that_went_back_gives_the_instant() {
        let (before, after) = (idle(300 * MS), busy(100 * MS, 4));
        let window = Window::between(&before, 300 * MS, &after, 100 * MS);
        assert_eq!(window, Window::new(4.0, 1.0));
        assert_eq!(Window::instant(&idle(1)), Window::new(0.0, 0.0));
    }

    #[test]
    fn counters_that_went_back_count_as_standing() {
        let before = Sample {
            busy_ns: 50 * MS,
            queue_integral_ns: 90 * MS,
            ..idle(MS)
        };
        let after = Sample {
            busy_ns: MS,
            queue_integral_ns: 2 * MS,
            ..idle(MS)
        };
        let window = Window::between(&before, 10 * MS, &after, 20 * MS);
        assert_eq!(window, Window::new(0.0, 0.0));
    }

    #[test]
    fn the_queue_integral_may_wrap() {
        let before = Sample {
            queue_integral_ns: u64::MAX - 4 * MS,
            ..idle(MS)
        };
        let after = Sample {
            queue_integral_ns: 6 * MS - 1,
            ..idle(MS)
        };
        assert_eq!(Window::between(&before, 10 * MS, &after, 20 * MS).q, 1.0);
    }

    #[test]
    fn the_ewma_halves_the_past() {
        let mut average = Window::new(4.0, 0.0);
        average = average.ewma(Window::new(2.0, 1.0));
        assert_eq!(average, Window::new(3.0, 0.5));
    }

    #[test]
    fn the_cell_clock_follows_writes_and_bridges_silence() {
        let mut clock = CellClock::default();
        assert_eq!(clock.now_ns(5_000 * MS, 700 * MS), 700 * MS);
        // Ten milliseconds of silence, then a write that shows the true time.
        assert_eq!(clock.now_ns(5_010 * MS, 700 * MS), 710 * MS - MS / 100);
        assert_eq!(clock.now_ns(5_020 * MS, 720 * MS), 720 * MS);
        // A monotonic clock that seems to go back moves nothing.
        assert_eq!(clock.now_ns(4_000 * MS, 0), 720 * MS);
    }

    #[test]
    fn the_cell_clock_does_not_run_ahead_of_a_slow_one() {
        let mut clock = CellClock::default();
        clock.now_ns(0, 1_000);
        for second in 1..1_000u64 {
            let slow = 1_000 + second * 999_500_000;
            assert_eq!(clock.now_ns(second * 1_000 * MS, slow), slow);
        }
    }

    fn samples() -> impl Strategy<Value = Sample> {
        let times = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
        let since = (any::<u64>(), any::<u64>());
        let rest = (any::<u32>(), 0..8u32, 0..4u32);
        (times, since, rest).prop_map(|(times, since, (nr_queued, flags, zero))| Sample {
            updated_ns: times.0,
            busy_ns: times.1,
            queue_integral_ns: times.2,
            vclock_ns: times.3,
            light_ns: times.1 ^ times.2,
            run_since_ns: if zero & 1 == 0 { 0 } else { since.0 },
            idle_since_ns: if zero & 2 == 0 { 0 } else { since.1 },
            nr_queued,
            flags,
        })
    }

    fn in_range(window: Window) -> bool {
        (0.0..=MAX_QUEUE).contains(&window.q)
            && (0.0..=1.0).contains(&window.u)
            && window.load == window.q + window.u
    }

    proptest! {
        #[test]
        fn no_reading_makes_nonsense(
            before in samples(), after in samples(), t0: u64, t1: u64, step in 0..100 * MS,
        ) {
            prop_assert!(in_range(Window::between(&before, t0, &after, t1)));
            prop_assert!(in_range(Window::between(&before, t0, &after, t0.wrapping_add(step))));
            prop_assert!(in_range(Window::instant(&after)));
        }

        /// Readings in between change nothing: windows add up to the whole.
        #[test]
        fn windows_add_up(events in prop::collection::vec((1..5_000u64, 0..6u32), 1..20)) {
            let mut cell = busy(1_000, 0);
            let (mut now, mut seen, mut seen_ns) = (1_000, cell, 1_000);
            let (mut queue, mut used) = (0.0, 0.0);
            let (first, start) = (cell, now);
            for (step, nr) in events {
                let window = Window::between(&seen, seen_ns, &cell, now + step);
                queue += window.q * (now + step - seen_ns) as f64;
                used += window.u * (now + step - seen_ns) as f64;
                now += step;
                (seen, seen_ns) = (cell, now);
                cell.queue_integral_ns += u64::from(cell.nr_queued) * (now - cell.updated_ns);
                cell.busy_ns += now - cell.updated_ns;
                (cell.nr_queued, cell.updated_ns) = (nr, now);
            }
            let whole = Window::between(&first, start, &seen, now);
            let length = (now - start) as f64;
            prop_assert!((whole.q * length - queue).abs() < 1.0);
            prop_assert!((whole.u * length - used).abs() < 1.0);
        }
    }
}

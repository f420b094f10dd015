// SPDX-License-Identifier: GPL-2.0-only
//! The guard: do the signals help, or does the machine run better without them?
//!
//! Once a period it compares three windows, the outer two as things stand and the
//! middle one the other way round: a load that grows or fades meanwhile looks worse
//! on one side only. If the windows with signals are worse than each of those
//! without, and that three times in a row, it withholds the signals, and BPF goes
//! by its static defaults. It tries again after two periods, then four, and so on.
//!
//! It says what to do and does nothing: the caller publishes or withholds.

mod verdict;

use super::params::{MS, Params};
use super::place::NR_RINGS;
use super::price::Prices;
use super::window::Window;

pub use verdict::Harm;
use verdict::{Span, Verdict};

/// Buckets of [`Turns::woken`].
pub const WAIT_BUCKETS: usize = 16;

/// How long signals, or their absence, take to show.
const SETTLE_NS: u64 = 100 * MS;
/// How long a window is measured after that.
const MEASURE_NS: u64 = 300 * MS;
/// No round comes so late but of an agent that was stopped or starved, whose
/// signals may have expired.
const LATE_NS: u64 = 200 * MS;
/// So many comparisons in a row must agree.
const IN_A_ROW: u32 = 3;
/// The longest back-off is two to the power of this, in periods.
const MAX_BACKOFF: u32 = 6;

/// How runs began, summed over the CPUs: `struct turns`. Counters may wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// Of who slept: bucket b counts waits of 2^b to 2^(b+1) us.
    pub woken: [u32; WAIT_BUCKETS],
    /// Of who did not: by the ring from where it ran before.
    pub resumed: [u32; NR_RINGS],
}

/// What the CPUs did in a round, as means over its time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// CPUs.
    pub cpus: f64,
    /// How many of them were busy.
    pub busy: f64,
    /// Tasks that waited.
    pub waiting: f64,
}

impl Load {
    /// The sum of the `windows` of all CPUs.
    pub fn of(windows: &[Window]) -> Load {
        Load {
            cpus: windows.len() as f64,
            busy: windows.iter().map(|window| window.u).sum(),
            waiting: windows.iter().map(|window| window.q).sum(),
        }
    }
}

/// What to tell the user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// Signals hurt so often that they are withheld from now on.
    Withheld { harm: Harm, retry_ns: u64 },
    /// They were tried again, and still hurt.
    StillHurt { harm: Harm, retry_ns: u64 },
    /// They were tried again, and don't hurt any more.
    Published,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Comparisons that came to a verdict.
    pub compared: u64,
    /// Those of them in which signals hurt.
    pub hurt: u64,
    /// Rounds in which signals were withheld.
    pub withheld: u64,
}

/// Judges signals by what the machine does with and without them.
#[derive(Clone, Debug)]
pub struct Guard {
    enabled: bool,
    period_ns: u64,
    last_ns: u64,
    /// Signals were found to hurt: but for trials they are withheld.
    distrusts: bool,
    phase: Phase,
    /// Comparisons in a row with this verdict.
    hurts: u32,
    fines: u32,
    backoff: u32,
    totals: Totals,
}

#[derive(Clone, Debug)]
enum Phase {
    Rest { until_ns: u64 },
    Compare(Box<Comparison>),
}

/// Three windows, of which `spans` has those that are over.
#[derive(Clone, Debug)]
struct Comparison {
    spans: Vec<Span>,
    since_ns: u64,
    /// What is measured, once it has settled: since when, from where.
    measured: Option<(u64, Turns, Span)>,
}

impl Comparison {
    fn begin(now_ns: u64) -> Box<Comparison> {
        Box::new(Comparison {
            spans: Vec::with_capacity(3),
            since_ns: now_ns,
            measured: None,
        })
    }

    /// The present window is the middle one.
    fn is_contrary(&self) -> bool {
        self.spans.len() == 1
    }

    /// Takes note of a round of `length_ns`. True once all three windows are over.
    fn round(
        &mut self,
        now_ns: u64,
        length_ns: u64,
        load: Load,
        turns: impl FnOnce() -> Turns,
    ) -> bool {
        let Some((from_ns, from, span)) = &mut self.measured else {
            if now_ns - self.since_ns >= SETTLE_NS {
                self.measured = Some((now_ns, turns(), Span::default()));
            }
            return false;
        };
        span.add(length_ns, load);
        if now_ns - *from_ns < MEASURE_NS {
            return false;
        }
        span.count(from, &turns());
        self.spans.push(*span);
        self.since_ns = now_ns;
        self.measured = None;
        self.spans.len() == 3
    }
}

impl Guard {
    /// A guard that trusts the signals and first compares after a period.
    pub fn new(params: &Params) -> Guard {
        Guard {
            enabled: params.guard,
            period_ns: params.guard_period_ns,
            last_ns: 0,
            distrusts: false,
            phase: Phase::Rest {
                until_ns: params.guard_period_ns,
            },
            hurts: 0,
            fines: 0,
            backoff: 0,
            totals: Totals::default(),
        }
    }

    /// Takes note of the round that ends at `now_ns`, in which the machine did
    /// `load`. `turns` is called when a window begins or ends, and `prices` are
    /// what moves cost now. [`withholds`](Self::withholds) says what to do then.
    pub fn round(
        &mut self,
        now_ns: u64,
        load: Load,
        prices: &Prices,
        turns: impl FnOnce() -> Turns,
    ) -> Option<Event> {
        let length_ns = now_ns.saturating_sub(self.last_ns);
        self.last_ns = now_ns;
        if !self.enabled {
            return None;
        }
        let event = match &mut self.phase {
            Phase::Rest { until_ns } => {
                // Nobody is hurt while nothing runs, and nothing would be seen.
                if now_ns >= *until_ns && !verdict::is_idle(load) {
                    self.phase = Phase::Compare(Comparison::begin(now_ns));
                }
                None
            }
            Phase::Compare(_) if length_ns > LATE_NS => {
                self.rest(1);
                None
            }
            Phase::Compare(comparison) => {
                let over = comparison.round(now_ns, length_ns, load, turns);
                let spans = over.then(|| std::mem::take(&mut comparison.spans));
                spans.and_then(|spans| self.judge(&spans, prices))
            }
        };
        self.totals.withheld += u64::from(self.withholds());
        event
    }

    /// Draws the conclusion from three windows.
    fn judge(&mut self, spans: &[Span], prices: &Prices) -> Option<Event> {
        let (outer, middle) = ([spans[0], spans[2]], [spans[1]]);
        let verdict = match self.distrusts {
            false => verdict::judge(&outer, &middle, prices),
            true => verdict::judge(&middle, &outer, prices),
        };
        match verdict {
            Verdict::Unknown => {
                self.rest(1);
                None
            }
            Verdict::Fine => {
                self.totals.compared += 1;
                self.fine()
            }
            Verdict::Hurt(harm) => {
                self.totals.compared += 1;
                self.totals.hurt += 1;
                self.hurt(harm)
            }
        }
    }

    fn fine(&mut self) -> Option<Event> {
        let again = std::mem::take(&mut self.distrusts);
        self.hurts = 0;
        self.fines = if again { 0 } else { self.fines + 1 };
        if self.fines >= IN_A_ROW {
            self.backoff = 0;
        }
        self.rest(1);
        again.then_some(Event::Published)
    }

    fn hurt(&mut self, harm: Harm) -> Option<Event> {
        self.fines = 0;
        self.hurts += 1;
        if !self.distrusts && self.hurts < IN_A_ROW {
            self.rest(1);
            return None;
        }
        self.backoff = (self.backoff + 1).min(MAX_BACKOFF);
        let periods = 1 << self.backoff;
        self.rest(periods);
        let retry_ns = periods * self.period_ns;
        Some(match std::mem::replace(&mut self.distrusts, true) {
            false => Event::Withheld { harm, retry_ns },
            true => Event::StillHurt { harm, retry_ns },
        })
    }

    fn rest(&mut self, periods: u64) {
        let until_ns = self.last_ns + periods * self.period_ns;
        self.phase = Phase::Rest { until_ns };
    }

    /// How runs begin is to be counted now.
    pub fn compares(&self) -> bool {
        matches!(self.phase, Phase::Compare(_))
    }

    /// Signals are to be withheld now.
    pub fn withholds(&self) -> bool {
        let contrary = match &self.phase {
            Phase::Rest { .. } => false,
            Phase::Compare(comparison) => comparison.is_contrary(),
        };
        self.enabled && self.distrusts != contrary
    }

    /// What follows are signals of other parameters, or for other CPUs: what was
    /// seen so far tells nothing about them. If they are withheld, they are tried at
    /// once; and a guard that is turned off publishes them.
    pub fn restart(&mut self, params: &Params) {
        self.enabled = params.guard;
        self.period_ns = params.guard_period_ns;
        self.distrusts &= params.guard;
        self.hurts = 0;
        self.rest(u64::from(!self.distrusts));
    }

    /// What happened since the start.
    pub fn totals(&self) -> Totals {
        self.totals
    }
}

#[cfg(test)]
mod tests;

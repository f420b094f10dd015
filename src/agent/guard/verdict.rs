// SPDX-License-Identifier: GPL-2.0-only
//! Whether windows with signals are worse than windows without.
//!
//! Two things tell: the tail of the waits of those who woke up, from the 99th
//! percentile on, and how much of the machine's time was of use. Time is lost when a CPU idles
//! while somebody waits, when somebody is made to stop though he did not sleep,
//! and when he then goes on elsewhere. Both margins are wide: to act on a healthy
//! system would cost it the signals.

use std::fmt;

use super::{Load, Turns, WAIT_BUCKETS};
use crate::agent::place::NR_RINGS;
use crate::agent::price::Prices;

/// Share of a machine's time in which it does what has to be done anyway.
const IDLE_BUSY: f64 = 0.02;
/// A switch of tasks, in nanoseconds: what the kernel takes for it, not the caches,
/// which have their prices.
const SWITCH_NS: f64 = 3_000.0;
/// Share of the useful time without signals below which that with them hurts.
const LEAST_USEFUL: f64 = 0.95;
/// Waits of fewer than one in a hundred hurt nobody, whatever their length,
const LEAST_SHARE: f64 = 0.01;
/// nor do shorter ones than those of this bucket, 256 us.
const LEAST_BUCKET: usize = 8;
/// So many times as many as without signals have to wait that long.
const WORSE: f64 = 2.0;
/// Standard deviations by which there must be even more, as chance adds some.
const SIGMAS: f64 = 3.0;

/// What a machine with this load does has to be done anyway.
pub fn is_idle(load: Load) -> bool {
    load.busy < IDLE_BUSY * load.cpus
}

/// What happened in a window. Times are sums over the CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    pub capacity_ns: f64,
    pub busy_ns: f64,
    /// CPUs idled while tasks waited.
    pub lost_ns: f64,
    pub woken: [u32; WAIT_BUCKETS],
    pub resumed: [u32; NR_RINGS],
}

impl Span {
    /// Adds a round.
    pub fn add(&mut self, length_ns: u64, load: Load) {
        let length_ns = length_ns as f64;
        self.capacity_ns += load.cpus * length_ns;
        self.busy_ns += load.busy * length_ns;
        self.lost_ns += (load.cpus - load.busy).max(0.0).min(load.waiting) * length_ns;
    }

    /// The runs that began between `from` and `to`.
    pub fn count(&mut self, from: &Turns, to: &Turns) {
        let woken = from.woken.iter().zip(&to.woken);
        for (count, (from, to)) in self.woken.iter_mut().zip(woken) {
            *count = to.wrapping_sub(*from);
        }
        let resumed = from.resumed.iter().zip(&to.resumed);
        for (count, (from, to)) in self.resumed.iter_mut().zip(resumed) {
            *count = to.wrapping_sub(*from);
        }
    }

    fn is_idle(&self) -> bool {
        self.busy_ns < IDLE_BUSY * self.capacity_ns
    }

    /// Share of the time that was of use, where moves cost `prices`.
    fn useful(&self, prices: &Prices) -> f64 {
        let rings = self.resumed.iter().zip(prices);
        let spent = rings.map(|(nr, price)| f64::from(*nr) * (SWITCH_NS + *price as f64));
        let lost = self.lost_ns + spent.sum::<f64>();
        (1.0 - lost / self.capacity_ns).max(0.0)
    }

    /// How many waited as long as bucket `least` says, or longer.
    fn nr_from(&self, least: usize) -> f64 {
        self.woken[least..].iter().copied().map(f64::from).sum()
    }

    /// The same as a share of all.
    fn share_from(&self, least: usize) -> f64 {
        self.nr_from(least) / self.nr_from(0).max(1.0)
    }
}

/// In what way signals hurt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Harm {
    /// Share of those who woke up that waited longer than this, in microseconds.
    Waits { us: u64, with: f64, without: f64 },
    /// Share of the machine's time that was of use.
    Time { with: f64, without: f64 },
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Harm::Waits { us, with, without } => write!(
                f,
                "with them {:.1} % of those who wake up wait over {us} us, without {:.1} %",
                with * 100.0,
                without * 100.0
            ),
            Harm::Time { with, without } => write!(
                f,
                "with them {:.0} % of the time is of use, without {:.0} %",
                with * 100.0,
                without * 100.0
            ),
        }
    }
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Too little went on.
    Unknown,
    Fine,
    Hurt(Harm),
}

/// Compares windows with signals to windows without: they hurt in one way if each
/// of the first does in comparison to each of the others.
pub fn judge(with: &[Span], without: &[Span], prices: &Prices) -> Verdict {
    if with.iter().chain(without).any(Span::is_idle) {
        return Verdict::Unknown;
    }
    let worst = |harm: &dyn Fn(&Span, &Span) -> Option<Harm>| {
        let pairs = with
            .iter()
            .flat_map(|with| without.iter().map(move |without| harm(with, without)));
        pairs.reduce(|all, one| all.and(one)).flatten()
    };
    let harm = worst(&waits).or_else(|| worst(&|with, without| time(with, without, prices)));
    harm.map_or(Verdict::Fine, Verdict::Hurt)
}

/// Are there clearly more long waits, whatever long means? Not if by another
/// meaning there are fewer: then signals trade one for the other.
fn waits(with: &Span, without: &Span) -> Option<Harm> {
    longer(with, without).filter(|_| longer(without, with).is_none())
}

fn longer(with: &Span, without: &Span) -> Option<Harm> {
    (LEAST_BUCKET..WAIT_BUCKETS).find_map(|least| {
        let [nr, usual] = [with, without].map(|span| span.nr_from(least));
        let [share, usual_share] = [with, without].map(|span| span.share_from(least));
        let scale = WORSE * with.nr_from(0) / without.nr_from(0).max(1.0);
        let chance = SIGMAS * (nr + scale * scale * usual).sqrt();
        let hurts = nr > scale * usual + chance && share >= LEAST_SHARE;
        hurts.then_some(Harm::Waits {
            us: 1 << least,
            with: share,
            without: usual_share,
        })
    })
}

fn time(with: &Span, without: &Span, prices: &Prices) -> Option<Harm> {
    let [with, without] = [with, without].map(|span| span.useful(prices));
    (with < LEAST_USEFUL * without).then_some(Harm::Time { with, without })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::price::DEFAULT_PRICES_NS;
    use proptest::prelude::*;

    /// 300 ms of four busy CPUs.
    fn busy() -> Span {
        Span {
            capacity_ns: 1.2e9,
            busy_ns: 1.2e9,
            ..Span::default()
        }
    }

    /// The same with so many wake-ups in each bucket.
    fn woken(counts: &[(usize, u32)]) -> Span {
        let mut span = busy();
        for (bucket, count) in counts {
            span.woken[*bucket] = *count;
        }
        span
    }

    fn verdict(with: Span, without: Span) -> Verdict {
        judge(&[with], &[without], &DEFAULT_PRICES_NS)
    }

    #[test]
    fn waits_hurt_that_are_clearly_more_than_chance_makes_them() {
        let usual = woken(&[(0, 980), (9, 20)]);
        // Twice as many are 40, and chance adds three times the root of 70 + 80.
        assert_eq!(verdict(woken(&[(0, 925), (9, 75)]), usual), Verdict::Fine);
        let harm = Harm::Waits {
            us: 256,
            with: 0.08,
            without: 0.02,
        };
        let worse = woken(&[(0, 920), (9, 80)]);
        assert_eq!(verdict(worse, usual), Verdict::Hurt(harm));
        // As many wait, but for longer.
        let longer = woken(&[(0, 980), (11, 20)]);
        assert!(matches!(
            verdict(longer, usual),
            Verdict::Hurt(Harm::Waits { us: 1024, .. })
        ));
        // It is shares that count.
        let many = woken(&[(0, 98_000), (9, 2_000)]);
        assert_eq!(verdict(many, usual), Verdict::Fine);
        assert!(matches!(verdict(worse, many), Verdict::Hurt(_)));
    }

    #[test]
    fn short_and_rare_waits_hurt_nobody() {
        let at_once = woken(&[(0, 10_000)]);
        assert_eq!(verdict(woken(&[(7, 10_000)]), at_once), Verdict::Fine);
        assert!(matches!(
            verdict(woken(&[(8, 10_000)]), at_once),
            Verdict::Hurt(_)
        ));
        let rare = woken(&[(0, 9_901), (12, 99)]);
        assert_eq!(verdict(rare, at_once), Verdict::Fine);
        // Nine of nine are chance; nobody at all is no reason to divide by.
        assert_eq!(verdict(woken(&[(12, 9)]), at_once), Verdict::Fine);
        assert_eq!(verdict(woken(&[(12, 9)]), busy()), Verdict::Fine);
    }

    #[test]
    fn idling_beside_those_who_wait_hurts() {
        let idling = |waiting| {
            let mut span = Span::default();
            let load = Load {
                cpus: 4.0,
                busy: 3.5,
                waiting,
            };
            span.add(300_000_000, load);
            span
        };
        assert_eq!(verdict(idling(0.1), idling(0.0)), Verdict::Fine);
        let harm = Harm::Time {
            with: 0.875,
            without: 1.0,
        };
        assert_eq!(verdict(idling(2.0), idling(0.0)), Verdict::Hurt(harm));
    }

    #[test]
    fn switches_and_moves_for_nothing_hurt() {
        let resumed = |ring: usize, nr| {
            let mut span = busy();
            span.resumed[ring] = nr;
            span
        };
        // 3 us each, of 1.2 s.
        assert_eq!(verdict(resumed(0, 20_000), busy()), Verdict::Fine);
        assert!(matches!(
            verdict(resumed(0, 20_001), busy()),
            Verdict::Hurt(Harm::Time { .. })
        ));
        // 303 us each.
        assert_eq!(verdict(resumed(4, 198), busy()), Verdict::Fine);
        assert!(matches!(verdict(resumed(4, 199), busy()), Verdict::Hurt(_)));
    }

    #[test]
    fn all_windows_have_to_agree_on_the_way() {
        let (good, late) = (woken(&[(0, 1000)]), woken(&[(12, 1000)]));
        let prices = &DEFAULT_PRICES_NS;
        assert_eq!(judge(&[late, good], &[good], prices), Verdict::Fine);
        assert_eq!(judge(&[late], &[good, late], prices), Verdict::Fine);
        assert!(matches!(
            judge(&[late, late], &[good], prices),
            Verdict::Hurt(_)
        ));
        let mut lossy = good;
        lossy.lost_ns = 0.2 * lossy.capacity_ns;
        assert_eq!(judge(&[late, lossy], &[good], prices), Verdict::Fine);
    }

    #[test]
    fn of_an_idle_machine_nothing_is_known() {
        let mut idle = busy();
        idle.busy_ns = 0.01 * idle.capacity_ns;
        assert_eq!(verdict(busy(), idle), Verdict::Unknown);
        assert_eq!(verdict(Span::default(), Span::default()), Verdict::Fine);
    }

    fn spans() -> impl Strategy<Value = Span> {
        let share = 0.0..=1.0f64;
        let woken = prop::array::uniform16(prop_oneof![Just(0u32), 0..3000u32]);
        let resumed = prop::array::uniform5(0..4000u32);
        (share.clone(), share, woken, resumed).prop_map(|(busy, lost, woken, resumed)| Span {
            capacity_ns: 1.2e9,
            busy_ns: 1.2e9 * busy,
            lost_ns: 1.2e9 * (1.0 - busy) * lost,
            woken,
            resumed,
        })
    }

    proptest! {
        #[test]
        fn the_same_never_hurts(span in spans(), others in prop::collection::vec(spans(), 0..3)) {
            let mut with = others;
            with.push(span);
            let verdict = judge(&with, &[span], &DEFAULT_PRICES_NS);
            prop_assert!(!matches!(verdict, Verdict::Hurt(_)), "{verdict:?}");
        }

        /// What hurts in one way does not hurt in the same way without.
        #[test]
        fn one_of_two_is_worse(a in spans(), b in spans()) {
            prop_assert!(waits(&a, &b).is_none() || waits(&b, &a).is_none());
            let prices = &DEFAULT_PRICES_NS;
            prop_assert!(time(&a, &b, prices).is_none() || time(&b, &a, prices).is_none());
        }
    }
}

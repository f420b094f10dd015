// SPDX-License-Identifier: GPL-2.0-only

use super::*;
use crate::agent::price::DEFAULT_PRICES_NS;
use proptest::prelude::*;

const SECOND: u64 = 1000 * MS;

/// A machine whose wake-ups take as long as it is told, with and without signals.
struct Machine {
    guard: Guard,
    now_ns: u64,
    turns: Turns,
    withheld_ns: u64,
}

const BUSY: Load = Load {
    cpus: 4.0,
    busy: 3.0,
    waiting: 0.0,
};
const IDLE: Load = Load {
    cpus: 4.0,
    busy: 0.0,
    waiting: 0.0,
};

impl Machine {
    fn new(period_s: u64) -> Machine {
        let params = Params {
            guard_period_ns: period_s * SECOND,
            ..Params::default()
        };
        Machine {
            guard: Guard::new(&params),
            now_ns: 0,
            turns: Turns::default(),
            withheld_ns: 0,
        }
    }

    /// A round of 20 ms in which a hundred wake up, to waits of these buckets.
    fn round(&mut self, load: Load, with: usize, without: usize) -> Option<Event> {
        let withheld = self.guard.withholds();
        self.withheld_ns += u64::from(withheld) * 20 * MS;
        self.now_ns += 20 * MS;
        let woken = &mut self.turns.woken[if withheld { without } else { with }];
        *woken = woken.wrapping_add(100);
        let turns = self.turns;
        self.guard
            .round(self.now_ns, load, &DEFAULT_PRICES_NS, || turns)
    }

    /// The next event within `seconds`, and when it came.
    fn event(&mut self, seconds: u64, with: usize, without: usize) -> Option<(u64, Event)> {
        let end = self.now_ns + seconds * SECOND;
        while self.now_ns < end {
            if let Some(event) = self.round(BUSY, with, without) {
                return Some((self.now_ns / SECOND, event));
            }
        }
        None
    }
}

const HARM: Harm = Harm::Waits {
    us: 256,
    with: 1.0,
    without: 0.0,
};

#[test]
fn signals_that_hurt_three_times_in_a_row_are_withheld() {
    let mut machine = Machine::new(60);
    let withheld = Event::Withheld {
        harm: HARM,
        retry_ns: 120 * SECOND,
    };
    // Three periods and three comparisons of 1.2 s and a few rounds.
    assert_eq!(machine.event(200, 12, 0), Some((183, withheld)));
    assert_eq!(machine.guard.totals().compared, 3);
    assert_eq!(machine.guard.totals().hurt, 3);
    assert!(machine.guard.withholds());
}

#[test]
fn they_are_tried_again_ever_later_until_they_help() {
    let mut machine = Machine::new(60);
    machine.event(200, 12, 0);
    for (last, next) in [(2, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 64)] {
        let before = machine.now_ns;
        let (_, event) = machine.event(4000, 12, 0).unwrap();
        let retry_ns = next * 60 * SECOND;
        assert_eq!(
            event,
            Event::StillHurt {
                harm: HARM,
                retry_ns
            }
        );
        let waited = (machine.now_ns - before) / SECOND;
        assert!((last * 60..last * 60 + 3).contains(&waited), "{waited} s");
    }
    assert_eq!(machine.event(4000, 0, 0).unwrap().1, Event::Published);
    assert!(!machine.guard.withholds());
    // It stays careful until they have helped for a while.
    let Event::Withheld { retry_ns, .. } = machine.event(400, 12, 0).unwrap().1 else {
        panic!("not withheld");
    };
    assert_eq!(retry_ns, 64 * 60 * SECOND);
    machine.event(4000, 0, 0).unwrap();
    assert_eq!(machine.event(400, 0, 0), None);
    let Event::Withheld { retry_ns, .. } = machine.event(400, 12, 0).unwrap().1 else {
        panic!("not withheld");
    };
    assert_eq!(retry_ns, 2 * 60 * SECOND);
}

#[test]
fn one_good_comparison_starts_the_count_anew() {
    let mut machine = Machine::new(60);
    for _ in 0..5 {
        while machine.guard.totals().compared % 3 != 2 {
            assert_eq!(machine.round(BUSY, 12, 0), None);
        }
        while machine.guard.totals().compared % 3 == 2 {
            assert_eq!(machine.round(BUSY, 12, 12), None);
        }
    }
    assert_eq!(machine.guard.totals().hurt, 10);
}

#[test]
fn an_idle_machine_is_left_alone() {
    let mut machine = Machine::new(60);
    for _ in 0..30_000 {
        assert_eq!(machine.round(IDLE, 12, 0), None);
        assert!(!machine.guard.withholds());
    }
    assert_eq!(machine.guard.totals(), Totals::default());
}

#[test]
fn a_late_round_spoils_a_comparison() {
    let mut machine = Machine::new(1);
    for round in 0..10_000 {
        if round % 40 == 0 {
            machine.now_ns += 400 * MS;
        }
        machine.round(BUSY, 12, 0);
    }
    assert_eq!(machine.guard.totals().compared, 0);
}

#[test]
fn other_parameters_are_tried_at_once() {
    let mut machine = Machine::new(60);
    machine.event(200, 12, 0);
    let params = Params {
        guard_period_ns: 60 * SECOND,
        ..Params::default()
    };
    machine.guard.restart(&params);
    assert_eq!(machine.event(3, 0, 0).unwrap().1, Event::Published);
    machine.event(400, 12, 0).unwrap();
    assert!(machine.guard.withholds());
    machine.guard.restart(&Params {
        guard: false,
        ..params
    });
    assert!(!machine.guard.withholds());
    assert_eq!(machine.event(400, 12, 0), None);
}

proptest! {
    /// Whatever the machine does, trusted signals are withheld for half a second
    /// in each period at most, and three comparisons must agree before they are
    /// for longer.
    #[test]
    fn trusted_signals_are_there(
        period_s in 2..100u64,
        waits in prop::collection::vec((0..16usize, 0..16usize, any::<bool>()), 1..60),
    ) {
        let mut machine = Machine::new(period_s);
        for (with, without, idle) in waits {
            let before = machine.guard.totals().hurt;
            for _ in 0..period_s * 30 {
                let load = if idle { IDLE } else { BUSY };
                if let Some(Event::Withheld { .. }) = machine.round(load, with, without) {
                    prop_assert!(machine.guard.totals().hurt >= 3);
                }
            }
            let hurts = machine.guard.totals().hurt - before;
            prop_assert!(hurts <= 1);
            if machine.guard.totals().hurt < 3 {
                let passed = machine.now_ns / (period_s * SECOND) + 1;
                prop_assert!(machine.withheld_ns <= passed * 500 * MS);
            }
        }
    }
}

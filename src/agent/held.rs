// SPDX-License-Identifier: GPL-2.0-only
//! CPUs that a higher scheduling class holds for long: what there is to tell, and
//! when. Most such holds last for microseconds and are nobody's business.

use std::collections::BTreeMap;
use std::fmt;

use super::params::MS;

/// From then on a hold is told of: long enough to be no ordinary real-time work,
/// short enough to be told before any watchdog bites.
const LONG_NS: u64 = 500 * MS;

/// What was over for so long is nobody's reason any more.
const LATELY_NS: u64 = 2_000 * MS;

/// Of one CPU it is told at most this often.
const REPEAT_NS: u64 = 60_000 * MS;

/// Below this priority a task is real-time, below 0 deadline (`MAX_RT_PRIO`).
const MAX_RT_PRIO: i32 = 100;

/// A CPU that a higher class has, and the task of it that had it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The CPU's id.
    pub cpu: usize,
    /// Since when, on the cells' clock.
    pub since_ns: u64,
    /// The task's id.
    pub pid: u32,
    /// Its priority, as the kernel has it.
    pub prio: i32,
    /// Its name.
    pub comm: String,
}

impl Hold {
    /// Its name from the kernel's bytes, which end with a zero; anybody can put a
    /// line break into such a name, but not into a log.
    pub fn name(comm: &[u8]) -> String {
        let end = comm.iter().position(|byte| *byte == 0);
        let text = String::from_utf8_lossy(&comm[..end.unwrap_or(comm.len())]);
        text.replace(char::is_control, "?")
    }

    fn age_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.since_ns)
    }

    /// What the hold looks like at `now_ns`, in words.
    pub fn told(&self, now_ns: u64) -> String {
        format!("held by {self} for {}", seconds(self.age_ns(now_ns)))
    }
}

impl fmt::Display for Hold {
    /// The task: its class, name and id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.prio {
            ..0 => "deadline ",
            0..MAX_RT_PRIO => "real-time ",
            // With --partial the default scheduler is a higher class, too.
            _ => "",
        };
        write!(f, "{class}task {} (pid {})", self.comm, self.pid)
    }
}

fn seconds(ns: u64) -> String {
    format!("{:.1} s", ns as f64 / 1e9)
}

/// What changed.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// A CPU has been held for long.
    Held(Hold),
    /// One that was told of is back, after so long.
    Back(Hold, String),
}

/// Remembers what was told.
#[derive(Debug, Default)]
pub struct Holds {
    now_ns: u64,
    now: Vec<Hold>,
    /// Told of and not over.
    told: Vec<Hold>,
    /// When each CPU was last told of.
    told_ns: BTreeMap<usize, u64>,
    /// Each CPU's last hold, and when it was last seen.
    lately: BTreeMap<usize, (Hold, u64)>,
}

impl Holds {
    /// Takes the holds that there are at `now_ns` on the cells' clock, and returns
    /// what to tell.
    pub fn observe(&mut self, holds: Vec<Hold>, now_ns: u64) -> Vec<News> {
        self.now_ns = now_ns;
        let mut news = Vec::new();
        let lasts = |old: &Hold| {
            let same = |hold: &&Hold| (hold.cpu, hold.since_ns) == (old.cpu, old.since_ns);
            holds.iter().find(same).is_some()
        };
        for over in self.told.extract_if(.., |old| !lasts(old)) {
            let age = seconds(over.age_ns(now_ns));
            news.push(News::Back(over, age));
        }
        for hold in &holds {
            let known = self.told.iter().any(|old| old.cpu == hold.cpu);
            let last_ns = self.told_ns.get(&hold.cpu);
            let quiet = last_ns.is_some_and(|last| now_ns.saturating_sub(*last) < REPEAT_NS);
            if hold.age_ns(now_ns) < LONG_NS || known || quiet {
                continue;
            }
            self.told_ns.insert(hold.cpu, now_ns);
            self.told.push(hold.clone());
            news.push(News::Held(hold.clone()));
        }
        let seen = holds.iter().map(|hold| (hold.cpu, (hold.clone(), now_ns)));
        self.lately.extend(seen);
        self.lately
            .retain(|_, (_, seen_ns)| now_ns.saturating_sub(*seen_ns) <= LATELY_NS);
        self.now = holds;
        news
    }

    /// The CPUs that were seen held in the last two seconds: a line each, by their ids.
    pub fn lately(&self) -> Vec<String> {
        let line = |(hold, seen_ns): &(Hold, u64)| {
            let age = seconds(hold.age_ns(*seen_ns));
            format!("CPU {} was held by {hold} for {age}", hold.cpu)
        };
        self.lately.values().map(line).collect()
    }

    /// The CPUs that have been held for long, as last observed: a line each, the
    /// longest hold first.
    pub fn long(&self) -> Vec<String> {
        let mut long: Vec<_> = self.now.iter().collect();
        long.retain(|hold| hold.age_ns(self.now_ns) >= LONG_NS);
        long.sort_by_key(|hold| hold.since_ns);
        let line = |hold: &&Hold| format!("CPU {} is {}", hold.cpu, hold.told(self.now_ns));
        long.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(cpu: usize, since_ms: u64) -> Hold {
        Hold {
            cpu,
            since_ns: since_ms * MS,
            pid: 7,
            prio: 49,
            comm: Hold::name(b"hog\0\0"),
        }
    }

    #[test]
    fn long_holds_are_told_of_once_and_so_is_their_end() {
        let mut holds = Holds::default();
        assert_eq!(holds.observe(vec![hold(1, 1_000)], 1_499 * MS), []);
        assert_eq!(holds.long(), [""; 0]);
        let news = holds.observe(vec![hold(1, 1_000)], 1_500 * MS);
        assert_eq!(news, [News::Held(hold(1, 1_000))]);
        assert_eq!(holds.observe(vec![hold(1, 1_000)], 9_000 * MS), []);
        let told = "CPU 1 is held by real-time task hog (pid 7) for 8.0 s";
        assert_eq!(holds.long(), [told]);
        let news = holds.observe(vec![], 9_500 * MS);
        assert_eq!(news, [News::Back(hold(1, 1_000), "8.5 s".into())]);
        assert_eq!(holds.observe(vec![], 9_600 * MS), []);
    }

    #[test]
    fn shorter_holds_are_kept_for_two_seconds() {
        let mut holds = Holds::default();
        holds.observe(vec![hold(1, 1_000)], 1_100 * MS);
        holds.observe(vec![hold(1, 1_000)], 1_200 * MS);
        holds.observe(vec![], 3_200 * MS);
        let told = "CPU 1 was held by real-time task hog (pid 7) for 0.2 s";
        assert_eq!(holds.lately(), [told]);
        holds.observe(vec![], 3_201 * MS);
        assert_eq!(holds.lately(), [""; 0]);
    }

    #[test]
    fn a_cpu_that_comes_and_goes_is_told_of_once_a_minute() {
        let mut holds = Holds::default();
        let mut told = Vec::new();
        for second in 0..120 {
            let now_ms = 1_000 * second;
            let news = holds.observe(vec![hold(3, now_ms)], (now_ms + 600) * MS);
            told.extend(news.iter().map(|it| matches!(it, News::Held(_))));
        }
        assert_eq!(told, [true, false, true, false]);
    }

    #[test]
    fn names_break_no_line_and_classes_are_told_apart() {
        assert_eq!(Hold::name(b"a\nb\x1b\0c"), "a?b?");
        assert_eq!(Hold::name(b"0123456789abcdef"), "0123456789abcdef");
        for (prio, text) in [(-1, "deadline task hog (pid 7)"), (120, "task hog (pid 7)")] {
            let hold = Hold { prio, ..hold(0, 0) };
            assert_eq!(hold.to_string(), text);
        }
    }
}

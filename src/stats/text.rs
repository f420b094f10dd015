// SPDX-License-Identifier: GPL-2.0-only
//! The statistics as a few lines of text.
//!
//! One line for each LLC draws its CPUs as characters, then rates per second:
//!
//! ```text
//! LLC 0  #+..  queued   14  busy  93 %   . hungry  + balanced  # saturated  ? unknown
//! ```

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};

use super::{CellMetrics, Metrics, percent};

const LEGEND: &str = ". hungry  + balanced  # saturated  ? unknown";

impl Metrics {
    /// Prints the block for one interval, ending with an empty line.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        self.print_cells(out)?;
        self.print_rates(out)?;
        self.print_prices(out)?;
        self.print_agent(out)?;
        self.print_guard(out)?;
        writeln!(out)
    }

    fn print_cells(&self, out: &mut impl Write) -> io::Result<()> {
        let mut llcs: BTreeMap<u64, Vec<&CellMetrics>> = BTreeMap::new();
        for cell in self.cells.values() {
            llcs.entry(cell.llc).or_default().push(cell);
        }
        let mut legend = LEGEND;
        for (llc, cells) in llcs {
            let strip: String = cells.iter().map(|cell| glyph(&cell.state)).collect();
            let queued: u64 = cells.iter().map(|cell| cell.queued).sum();
            let busy: f64 = cells.iter().map(|cell| cell.busy_pct).sum();
            let line = format!(
                "LLC {llc:<3} {strip}  queued {queued:4}  busy {:3.0} %   {legend}",
                busy / cells.len() as f64
            );
            writeln!(out, "{}", line.trim_end())?;
            legend = "";
        }
        Ok(())
    }

    fn print_rates(&self, out: &mut impl Write) -> io::Result<()> {
        let dispatch = [
            ("own", self.dispatch_own),
            ("express", self.dispatch_express),
            ("peer", self.dispatch_peer),
            ("route", self.dispatch_route),
            ("detour", self.dispatch_detour),
            ("fair", self.dispatch_fair),
            ("lag", self.dispatch_lag),
            ("rescue", self.dispatch_rescue),
            ("kept", self.dispatch_kept),
            ("none", self.dispatch_none),
            ("lost", self.dispatch_lost),
        ];
        let wake = [
            ("self", self.idle_self),
            ("smt", self.idle_smt),
            ("llc", self.idle_llc),
            ("node", self.idle_node),
            ("machine", self.idle_machine),
            ("sync", self.wake_sync),
            ("no idle", self.wake_no_idle),
        ];
        let moves = [
            ("self", self.move_self),
            ("smt", self.move_smt),
            ("llc", self.move_llc),
            ("node", self.move_node),
            ("machine", self.move_machine),
            ("cores", self.cores),
            ("refills", self.refills),
        ];
        let queue = [
            ("track", self.queued_track),
            ("express", self.queued_express),
            ("preempted", self.preempted),
            ("invited", self.invited),
            ("reenqueued", self.reenqueued),
        ];
        self.rates(out, "dispatch/s", &dispatch)?;
        self.rates(out, "wake/s", &wake)?;
        self.rates(out, "run at/s", &moves)?;
        self.rates(out, "queue/s", &queue)?;
        self.rates(out, "rescue/s", &self.rescues())?;
        self.print_moves(out)
    }

    /// Who waited too long, by the cause.
    pub fn rescues(&self) -> [(&'static str, u64); 4] {
        [
            ("held", self.rescued_held),
            ("offline", self.rescued_offline),
            ("price", self.rescued_price),
            ("order", self.rescued_order),
        ]
    }

    /// A line for each kind of moves that the agent asked for at all.
    fn print_moves(&self, out: &mut impl Write) -> io::Result<()> {
        for (kind, moves) in &self.moves {
            if moves.requested == 0 {
                continue;
            }
            let counts = [
                ("requested", moves.requested),
                ("applied", moves.applied),
                ("expired", moves.expired),
                ("mask", moves.rejected_mask),
                ("pinned", moves.rejected_pinned),
                ("gone", moves.rejected_gone),
                ("gap", moves.rejected_gap),
                ("price", moves.rejected_price),
            ];
            self.rates(out, &format!("{kind}/s"), &counts)?;
        }
        Ok(())
    }

    fn rates(&self, out: &mut impl Write, title: &str, counts: &[(&str, u64)]) -> io::Result<()> {
        write!(out, "{title:10}")?;
        for (name, count) in counts {
            write!(out, "  {name} {}", self.per_second(*count))?;
        }
        writeln!(out)
    }

    /// The prices of moves, nearest ring first, once one could be learnt; those
    /// that are have their standard error.
    fn print_prices(&self, out: &mut impl Write) -> io::Result<()> {
        if self.prices.values().all(|price| price.samples == 0.0) {
            return Ok(());
        }
        write!(out, "price/us  ")?;
        for ring in ["smt", "llc", "node", "machine"] {
            let Some(price) = self.prices.get(ring) else {
                continue;
            };
            write!(out, "  {ring} {:.1}", price.price_us)?;
            if price.learnt == 1 {
                write!(out, " +-{:.1}", price.error_us)?;
            }
            write!(out, " of {:.0}", price.samples)?;
        }
        writeln!(out)
    }

    fn print_agent(&self, out: &mut impl Write) -> io::Result<()> {
        match self.period_ms {
            0 => write!(out, "agent       off")?,
            period => write!(
                out,
                "agent       period {period} ms  windows/s {}  flips/s {}  fresh {:.0} %  lapses {}  garbage {}  homes {}",
                self.per_second(self.windows),
                self.per_second(self.flips),
                percent(self.fresh, self.fresh + self.stale),
                self.lapses,
                self.garbage,
                self.homes
            )?,
        }
        let code = match self.laid_out {
            0 => "",
            _ => "  code laid out",
        };
        writeln!(
            out,
            "  express {:.0} % of queued  longest wait beside an idle CPU {} us{code}",
            self.express_pct, self.idle_wait_max_us
        )
    }

    /// What the guard did, if there is an agent to guard.
    fn print_guard(&self, out: &mut impl Write) -> io::Result<()> {
        if self.period_ms == 0 {
            return Ok(());
        }
        writeln!(
            out,
            "guard       withheld {:.0} %  compared {}  hurt {}",
            percent(self.withheld, self.windows),
            self.guard_compared,
            self.guard_hurt
        )
    }

    fn per_second(&self, count: u64) -> impl Display {
        short(count as f64 * 1000.0 / self.interval_ms.max(1) as f64)
    }
}

/// A rate in at most five characters below a billion: `0`, `0.3`, `4210`, `57k`, `1.2M`.
fn short(rate: f64) -> String {
    match rate {
        _ if rate <= 0.0 => "0".into(),
        _ if rate < 9.95 => format!("{rate:.1}"),
        _ if rate < 9_999.5 => format!("{rate:.0}"),
        _ if rate < 999_500.0 => format!("{:.0}k", rate / 1e3),
        _ if rate < 9_950_000.0 => format!("{:.1}M", rate / 1e6),
        _ => format!("{:.0}M", rate / 1e6),
    }
}

fn glyph(state: &str) -> char {
    match state {
        "hungry" => '.',
        "balanced" => '+',
        "saturated" => '#',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MoveMetrics, PriceMetrics};
    use super::*;

    fn cell(llc: u64, state: &str, queued: u64, busy_pct: f64) -> CellMetrics {
        CellMetrics {
            llc,
            state: state.into(),
            queued,
            busy_pct,
        }
    }

    fn printed(metrics: &Metrics) -> String {
        let mut out = Vec::new();
        metrics.print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_block_shows_cells_and_rates() {
        let smt = PriceMetrics {
            price_us: 1.5,
            learnt: 1,
            samples: 4000.0,
            error_us: 0.2,
        };
        let llc = PriceMetrics {
            price_us: 20.0,
            ..PriceMetrics::default()
        };
        let push = MoveMetrics {
            requested: 10,
            applied: 8,
            expired: 1,
            rejected_gap: 1,
            ..MoveMetrics::default()
        };
        let metrics = Metrics {
            interval_ms: 2000,
            dispatch_own: 9000,
            dispatch_route: 3,
            wake_no_idle: 40_000,
            move_machine: 2_400_000,
            queued_track: 300,
            queued_express: 100,
            rescued_order: 1,
            express_pct: 25.0,
            fresh: 99,
            stale: 1,
            lapses: 1,
            windows: 200,
            flips: 1,
            withheld: 20,
            guard_compared: 3,
            guard_hurt: 1,
            period_ms: 10,
            laid_out: 1,
            idle_wait_max_us: 812,
            homes: 2,
            prices: [("smt".to_string(), smt), ("llc".to_string(), llc)].into(),
            moves: [
                ("push".to_string(), push),
                ("fair".to_string(), MoveMetrics::default()),
            ]
            .into(),
            cells: [
                (0, cell(0, "saturated", 12, 100.0)),
                (1, cell(0, "balanced", 2, 86.0)),
                (8, cell(1, "hungry", 0, 4.0)),
                (9, cell(1, "unknown", 0, 0.0)),
            ]
            .into(),
            ..Metrics::default()
        };
        let expected = "\
LLC 0   #+  queued   14  busy  93 %   . hungry  + balanced  # saturated  ? unknown
LLC 1   .?  queued    0  busy   2 %
dispatch/s  own 4500  express 0  peer 0  route 1.5  detour 0  fair 0  lag 0  rescue 0  kept 0  none 0  lost 0
wake/s      self 0  smt 0  llc 0  node 0  machine 0  sync 0  no idle 20k
run at/s    self 0  smt 0  llc 0  node 0  machine 1.2M  cores 0  refills 0
queue/s     track 150  express 50  preempted 0  invited 0  reenqueued 0
rescue/s    held 0  offline 0  price 0  order 0.5
push/s      requested 5.0  applied 4.0  expired 0.5  mask 0  pinned 0  gone 0  gap 0.5  price 0
price/us    smt 1.5 +-0.2 of 4000  llc 20.0 of 0
agent       period 10 ms  windows/s 100  flips/s 0.5  fresh 99 %  lapses 1  garbage 0  homes 2  express 25 % of queued  longest wait beside an idle CPU 812 us  code laid out
guard       withheld 10 %  compared 3  hurt 1

";
        assert_eq!(printed(&metrics), expected);
    }

    #[test]
    fn without_an_agent_and_without_time_nothing_breaks() {
        let text = printed(&Metrics::default());
        assert!(
            text.contains("agent       off  express 0 % of queued"),
            "{text}"
        );
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }

    #[test]
    fn rates_stay_short() {
        let cases = [
            (0.0, "0"),
            (0.34, "0.3"),
            (9.94, "9.9"),
            (9.96, "10"),
            (9999.0, "9999"),
            (9999.9, "10k"),
            (999_499.0, "999k"),
            (1_200_000.0, "1.2M"),
            (45_000_000.0, "45M"),
        ];
        for (rate, text) in cases {
            assert_eq!(short(rate), text);
        }
    }
}

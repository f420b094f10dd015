// SPDX-License-Identifier: GPL-2.0-only
//! The statistics that `scx_hallows --stats` prints, read back from its text.

/// A look at the scheduler: one block of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// A character for each CPU, LLCs apart: `.` hungry, `+` balanced, `#`
    /// saturated, `?` unknown.
    pub cells: String,
    /// Tasks that wait on the CPUs' tracks.
    pub queued: u64,
    /// Mean share of the time that the CPUs ran tasks, percent.
    pub busy_pct: f64,
    /// Dispatched tasks per second, by where they came from.
    pub dispatch: Vec<(String, f64)>,
    /// The agent's windows per second.
    pub windows: f64,
    /// Changes of a CPU's state per second.
    pub flips: f64,
    /// Share of the decisions that followed the agent, percent.
    pub fresh_pct: f64,
}

impl Block {
    /// Dispatched per second from `source`.
    pub fn from(&self, source: &str) -> f64 {
        let found = self.dispatch.iter().find(|(name, _)| name == source);
        found.map_or(0.0, |(_, rate)| *rate)
    }

    fn add_llc(&mut self, strip: &str, rest: &str) {
        let cpus = |cells: &str| cells.chars().filter(|c| *c != ' ').count() as f64;
        let (before, here) = (cpus(&self.cells), cpus(strip));
        let fields = fields(rest);
        self.busy_pct =
            (self.busy_pct * before + value(&fields, "busy") * here) / (before + here).max(1.0);
        self.queued += value(&fields, "queued") as u64;
        if !self.cells.is_empty() {
            self.cells.push(' ');
        }
        self.cells += strip;
    }
}

/// Puts blocks together from lines.
#[derive(Default)]
pub struct Reader {
    block: Block,
}

/// What a line was.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// The last of a block.
    Block(Block),
    /// Another part of a block.
    Part,
    /// No statistics.
    Other,
}

impl Reader {
    /// Takes the next line.
    pub fn line(&mut self, line: &str) -> Line {
        let title = line.split("  ").next().unwrap_or_default().trim();
        let rest = line.get(title.len()..).unwrap_or_default();
        match title.split(' ').next() {
            Some("LLC") => {
                let (strip, rest) = rest.trim_start().split_once("  ").unwrap_or((rest, ""));
                self.block.add_llc(strip.trim(), rest);
            }
            Some("dispatch/s") => self.block.dispatch = fields(rest),
            Some("run" | "price/us") => {}
            Some("agent") => {
                let fields = fields(rest);
                self.block.windows = value(&fields, "windows/s");
                self.block.flips = value(&fields, "flips/s");
                self.block.fresh_pct = value(&fields, "fresh");
            }
            // Wake-ups, queues, and moves of each kind.
            Some(rate) if rate.ends_with("/s") => {}
            Some("") if self.block != Block::default() => {
                return Line::Block(std::mem::take(&mut self.block));
            }
            _ => return Line::Other,
        }
        Line::Part
    }
}

/// The figures in `name 12  other name 3.4k  share  5 %`, with their names.
fn fields(text: &str) -> Vec<(String, f64)> {
    let mut fields = Vec::new();
    let mut name = Vec::new();
    for word in text.split_whitespace() {
        match number(word) {
            Some(figure) => fields.push((std::mem::take(&mut name).join(" "), figure)),
            None if matches!(word, "%" | "ms" | "us") => {}
            None => name.push(word),
        }
    }
    fields
}

fn value(fields: &[(String, f64)], name: &str) -> f64 {
    let found = fields.iter().find(|(known, _)| known == name);
    found.map_or(0.0, |(_, value)| *value)
}

/// `12`, `0.3`, `57k`, `1.2M`.
fn number(text: &str) -> Option<f64> {
    let (digits, unit) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => text
            .strip_suffix('M')
            .map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    Some(digits.parse::<f64>().ok()? * unit)
}

#[cfg(test)]
mod tests {
    use super::{Line, Reader};

    const TEXT: &str = "\
LLC 0   #+  queued   14  busy  93 %   . hungry  + balanced  # saturated  ? unknown
LLC 12  .?  queued    1  busy   3 %
dispatch/s  own 4500  express 0.3  peer 0  route 1.5  detour 0  rescue 0  kept 57k  none 1.2M
wake/s      self 0  smt 0  llc 0  node 0  machine 0  sync 0  no idle 20k
run at/s    self 0  smt 0  llc 0  node 0  machine 1.2M
queue/s     track 150  express 50  preempted 0  invited 0  reenqueued 0
fair/s      requested 5.3  applied 0.7  expired 0  mask 0  pinned 0  gone 0  gap 4.7  price 0
price/us    smt 0.0 +-0.4 of 4000  llc 20.0 of 0
agent       period 10 ms  windows/s 100  flips/s 0.5  fresh 99 %  homes 2  express 25 % of queued  longest wait beside an idle CPU 812 us
";

    #[test]
    fn a_block_ends_with_an_empty_line() {
        let mut reader = Reader::default();
        assert!(TEXT.lines().all(|line| reader.line(line) == Line::Part));
        let Line::Block(block) = reader.line("") else {
            panic!("no block")
        };
        assert_eq!(block.cells, "#+ .?");
        assert_eq!((block.queued, block.busy_pct), (15, 48.0));
        assert_eq!(block.dispatch.len(), 8);
        assert_eq!(block.from("own"), 4500.0);
        assert_eq!(block.from("kept"), 57e3);
        assert_eq!(block.from("none"), 1.2e6);
        assert_eq!(
            (block.windows, block.flips, block.fresh_pct),
            (100.0, 0.5, 99.0)
        );
        assert_eq!(reader.line(""), Line::Other);
    }

    #[test]
    fn without_an_agent_its_figures_are_0() {
        let mut reader = Reader::default();
        reader.line("agent       off  express 0 % of queued  longest wait beside an idle CPU 0 us");
        reader.line("LLC 0   ?  queued    2  busy   0 %");
        let Line::Block(block) = reader.line("") else {
            panic!("no block")
        };
        assert_eq!((block.windows, block.queued), (0.0, 2));
    }

    #[test]
    fn other_text_is_none() {
        for line in ["", "@wake hallows p50 1", "Segmentation fault", "running"] {
            assert_eq!(Reader::default().line(line), Line::Other, "{line}");
        }
    }
}

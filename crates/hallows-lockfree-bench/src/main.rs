// SPDX-License-Identifier: GPL-2.0-only
//! Measures hallows-lockfree against what others have, by turns in one process, and
//! prints tables in Markdown.

mod combining;
mod garbage;
mod group;
mod lines;
mod queues;
mod readers;
mod stall;

use clap::Parser;

use group::Group;

/// Measures hallows-lockfree against what others have.
#[derive(Parser)]
struct Options {
    /// Only groups whose titles contain this.
    filter: Option<String>,
    /// Rounds: in each, every subject is measured once, in another order.
    #[arg(long, default_value_t = 61, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// One hundredth of the work, once: to see that everything runs.
    #[arg(long)]
    quick: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let (rounds, scale) = match options.quick {
        true => (1, 1),
        false => (options.rounds, 100),
    };
    let groups: Vec<Group> = [
        readers::groups(scale),
        queues::groups(scale)?,
        combining::groups(scale),
        garbage::groups(scale),
        lines::groups(scale),
    ]
    .into_iter()
    .flatten()
    .collect();
    let wanted = |title: &str| options.filter.as_deref().is_none_or(|f| title.contains(f));
    for mut group in groups {
        if wanted(&group.title) {
            group.run(rounds).print();
        }
    }
    if wanted(stall::TITLE) {
        stall::print(10_000 * scale);
    }
    Ok(())
}

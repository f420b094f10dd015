// SPDX-License-Identifier: GPL-2.0-only
//! Stepping the automaton over a recording: what other parameters would have done.

use std::io::Read;

use anyhow::{Result, anyhow};

use super::read::Reader;
use crate::agent::hysteresis::CellState;
use crate::agent::round::Controller;
use crate::config::change::Setting;

/// The tunables that the automaton goes by; the others change nothing in a replay.
pub const ACT: [&str; 9] = [
    "saturate_enter",
    "saturate_leave",
    "hungry_enter",
    "hungry_leave",
    "dwell",
    "band",
    "band_quiet",
    "band_overloaded",
    "band_min",
];

/// What a replay came to, beside what was recorded.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// CPUs of the machine.
    pub cells: usize,
    /// Windows replayed.
    pub windows: u64,
    /// From the first to the last of them.
    pub seconds: f64,
    /// Changes of a cell's state.
    pub flips: u64,
    pub recorded_flips: u64,
    /// Tasks granted to be pushed, and to be pulled.
    pub push_tokens: u64,
    pub recorded_push_tokens: u64,
    pub fair_tokens: u64,
    pub recorded_fair_tokens: u64,
    /// Share of all cells in all windows whose state is the recorded one, percent.
    pub same_states_pct: f64,
    /// The recording ended in the middle of a window.
    pub cut: bool,
}

/// Replays a recording with `settings` instead of what was recorded.
///
/// The load is what it was: the replay shows what the automaton would have said,
/// not what would have come of it.
///
/// # Errors
/// The recording is damaged, or the settings make no sense.
pub fn replay(reader: &mut Reader<impl Read>, settings: &[Setting]) -> Result<Outcome> {
    let map = reader.header().map()?;
    let params = reader.header().params(settings).map_err(|e| anyhow!(e))?;
    let mut controller = Controller::new(&map, params);
    let mut outcome = Outcome {
        cells: map.cells().len(),
        ..Outcome::default()
    };
    let mut last_states: Option<Vec<u8>> = None;
    let (mut first_ns, mut last_ns, mut same) = (None, 0, 0u64);
    while let Some(frame) = reader.next_frame()? {
        controller.round(&map, &frame.samples, frame.monotonic_ns);
        outcome.windows += 1;
        outcome.recorded_push_tokens += frame.push_tokens;
        outcome.recorded_fair_tokens += frame.fair_tokens;
        let cells = controller.states().cells.iter();
        let pairs = cells.zip(&frame.states);
        same += pairs
            .filter(|(cell, state)| cell.state as u8 == **state)
            .count() as u64;
        let balanced = vec![CellState::Balanced as u8; frame.states.len()];
        let before = last_states.as_ref().unwrap_or(&balanced).iter();
        outcome.recorded_flips += before.zip(&frame.states).filter(|(a, b)| a != b).count() as u64;
        last_states = Some(frame.states);
        first_ns.get_or_insert(frame.monotonic_ns);
        last_ns = frame.monotonic_ns;
    }
    let totals = controller.totals();
    let all = (outcome.windows * outcome.cells as u64).max(1);
    outcome.flips = totals.flips;
    outcome.push_tokens = totals.push_tokens;
    outcome.fair_tokens = totals.fair_tokens;
    outcome.same_states_pct = 100.0 * same as f64 / all as f64;
    outcome.seconds = last_ns.saturating_sub(first_ns.unwrap_or(last_ns)) as f64 / 1e9;
    outcome.cut = reader.was_cut();
    Ok(outcome)
}

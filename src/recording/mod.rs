// SPDX-License-Identifier: GPL-2.0-only
//! Recordings: what the agent saw and decided, window by window, in a file.
//!
//! A file is the line `hallows-recording 2`, then a deflate stream of records,
//! each a length (u32, little endian) and so many bytes of postcard: one
//! [`Header`], then a [`Frame`] for each window. A recording that ends in the
//! middle of a record was cut short, which its reader tells apart from a file
//! that is something else.

pub mod read;
pub mod replay;
pub mod write;

use serde::{Deserialize, Serialize};

use crate::agent::params::Params;
use crate::agent::place::{CpuSpec, Map, NodeSpec};
use crate::agent::window::Sample;
use crate::config::{KEYS, change};

/// First line of a recording.
pub(crate) const MAGIC: &[u8] = b"hallows-recording 2\n";

/// A longer record is no record: more than the cells of the largest machine take.
pub(crate) const MAX_RECORD: usize = 1 << 20;

/// The machine, and the parameters that the run began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    cpus: Vec<CpuSpec>,
    nodes: Vec<NodeSpec>,
    /// Keys and values, as `set` takes them.
    settings: Vec<(String, String)>,
}

/// One window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// When the cells were read, on the agent's clock.
    pub monotonic_ns: u64,
    /// The cells, in the order of the map.
    pub samples: Vec<Sample>,
    /// The state that the agent gave each, 0 hungry, 1 balanced, 2 saturated.
    pub states: Vec<u8>,
    /// Tasks that it granted to be pushed and pulled.
    pub push_tokens: u64,
    pub fair_tokens: u64,
}

impl Header {
    /// The header of a run on `map` under `params`.
    pub fn new(map: &Map, params: &Params) -> Header {
        let nodes = map.nodes().iter().enumerate().map(|(index, node)| {
            let mut distance = vec![10; map.nodes().len()];
            for (slit, other) in &node.others {
                distance[usize::from(*other)] = *slit;
            }
            NodeSpec {
                id: index as u32,
                distance,
            }
        });
        Header {
            cpus: map
                .cells()
                .iter()
                .map(|place| CpuSpec {
                    cpu: place.cpu.into(),
                    core: place.core.into(),
                    llc: place.llc.into(),
                    node: place.node.into(),
                })
                .collect(),
            nodes: nodes.collect(),
            settings: KEYS
                .iter()
                .map(|key| (key.name.to_owned(), key.get(params).to_string()))
                .collect(),
        }
    }

    /// What happened since `before`, if windows of both would not fit in a recording.
    pub fn change_since(&self, before: &Header) -> Option<&'static str> {
        match self {
            _ if (&self.cpus, &self.nodes) != (&before.cpus, &before.nodes) => {
                Some("CPUs came or went")
            }
            _ if self.settings != before.settings => Some("tunables were changed"),
            _ => None,
        }
    }

    /// The machine.
    ///
    /// # Errors
    /// The header describes none.
    pub fn map(&self) -> anyhow::Result<Map> {
        Map::new(&self.cpus, &self.nodes)
    }

    /// The parameters, with `settings` instead of what was recorded.
    ///
    /// # Errors
    /// One line: a key that this version does not know, or values that make no
    /// sense together.
    pub fn params(&self, settings: &[change::Setting]) -> Result<Params, String> {
        let recorded = self.settings.iter();
        let mut all = recorded
            .map(|(name, value)| change::setting(name, value))
            .collect::<Result<Vec<_>, _>>()?;
        all.extend(settings.iter().cloned());
        change::change(&Params::default(), &all).map(|(params, _)| params)
    }
}

#[cfg(test)]
mod tests;

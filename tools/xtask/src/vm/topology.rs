// SPDX-License-Identifier: GPL-2.0-only
//! Named topologies, and what QEMU calls them.

use anyhow::{Context, Result, bail};

/// CPUs when neither `--cpus` nor the topology says how many.
const DEFAULT_CPUS: u32 = 4;

/// Distance between two nodes in ACPI's SLIT, where 10 is the own one.
const REMOTE_DISTANCE: u32 = 21;

/// The shapes that have names: sockets, which are also the NUMA nodes; dies a
/// socket, each of which has an LLC; threads a core.
const NAMED: [(&str, [u32; 3]); 8] = [
    ("flat", [1, 1, 1]),
    ("llc2", [1, 2, 1]),
    ("llc4", [1, 4, 1]),
    ("smt2", [1, 1, 2]),
    ("llc2smt2", [1, 2, 2]),
    ("numa2", [2, 1, 1]),
    ("numa2llc2", [2, 2, 1]),
    ("numa2smt2", [2, 1, 2]),
];

/// The CPUs of a guest and what they share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    name: String,
    cpus: u32,
    smp: String,
    nodes: u32,
}

impl Topology {
    /// A topology by its name, or as `smp:` and QEMU's own words.
    ///
    /// # Errors
    /// When the name is unknown, or the CPUs do not divide evenly.
    pub fn new(name: &str, cpus: Option<u32>) -> Result<Self> {
        if let Some(smp) = name.strip_prefix("smp:") {
            return Self::raw(name, smp, cpus);
        }
        let cpus = cpus.unwrap_or(DEFAULT_CPUS);
        let Some((_, [sockets, dies, threads])) =
            NAMED.into_iter().find(|(known, _)| *known == name)
        else {
            let names = NAMED.map(|(name, _)| name).join(", ");
            bail!("unknown topology {name}; there are {names}, and smp:...")
        };
        let parts = sockets * dies * threads;
        if cpus == 0 || !cpus.is_multiple_of(parts) {
            bail!("{name} needs a multiple of {parts} CPUs, not {cpus}");
        }
        let cores = cpus / parts;
        let smp = format!("{cpus},sockets={sockets},dies={dies},cores={cores},threads={threads}");
        Ok(Self {
            name: name.into(),
            cpus,
            smp,
            nodes: sockets,
        })
    }

    fn raw(name: &str, smp: &str, cpus: Option<u32>) -> Result<Self> {
        let first = smp.split(',').next().unwrap_or_default();
        let own = first
            .trim_start_matches("cpus=")
            .parse()
            .ok()
            .filter(|&n: &u32| n > 0);
        let own =
            own.context("smp: is followed by the number of CPUs: smp:8,sockets=1,dies=2,cores=4")?;
        if cpus.is_some_and(|cpus| cpus != own) {
            bail!("--cpus and --topo {name} contradict each other; leave --cpus out");
        }
        Ok(Self {
            name: name.into(),
            cpus: own,
            smp: smp.into(),
            nodes: 1,
        })
    }

    /// As it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// CPUs that are online after boot.
    pub fn cpus(&self) -> u32 {
        self.cpus
    }

    /// QEMU's arguments for the CPUs and the memory; nodes share both evenly.
    pub fn args(&self, mem_mib: u64) -> Vec<String> {
        let mut args = vec![
            "-smp".into(),
            self.smp.clone(),
            "-m".into(),
            format!("{mem_mib}M"),
        ];
        if self.nodes == 1 {
            return args;
        }
        let (share, mem_share) = (self.cpus / self.nodes, mem_mib / u64::from(self.nodes));
        // QEMU wants the nodes' memory to add up to the whole.
        args[3] = format!("{}M", mem_share * u64::from(self.nodes));
        let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
        for node in 0..self.nodes {
            let (first, last) = (node * share, (node + 1) * share - 1);
            add(
                "-object",
                format!("memory-backend-ram,id=m{node},size={mem_share}M"),
            );
            add(
                "-numa",
                format!("node,nodeid={node},cpus={first}-{last},memdev=m{node}"),
            );
        }
        for src in 0..self.nodes {
            for dst in (0..self.nodes).filter(|&dst| dst != src) {
                add(
                    "-numa",
                    format!("dist,src={src},dst={dst},val={REMOTE_DISTANCE}"),
                );
            }
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::Topology;

    #[test]
    fn cores_make_up_the_cpus() {
        let args = Topology::new("llc2smt2", Some(8)).unwrap().args(2048);
        assert_eq!(
            args,
            [
                "-smp",
                "8,sockets=1,dies=2,cores=2,threads=2",
                "-m",
                "2048M"
            ]
        );
        assert_eq!(Topology::new("flat", None).unwrap().cpus(), 4);
        assert!(Topology::new("llc4", Some(6)).is_err());
        assert!(Topology::new("flat", Some(0)).is_err());
        assert!(Topology::new("ring", Some(4)).is_err());
    }

    #[test]
    fn nodes_share_cpus_and_memory() {
        let args = Topology::new("numa2", Some(8))
            .unwrap()
            .args(2049)
            .join(" ");
        assert!(args.contains("-m 2048M"), "{args}");
        assert!(args.contains("node,nodeid=1,cpus=4-7,memdev=m1"), "{args}");
        assert!(args.contains("dist,src=1,dst=0,val=21"), "{args}");
    }

    #[test]
    fn raw_words_say_how_many_cpus() {
        let topology = Topology::new("smp:6,maxcpus=8,cores=8", None).unwrap();
        assert_eq!(
            (topology.cpus(), topology.name()),
            (6, "smp:6,maxcpus=8,cores=8")
        );
        assert!(Topology::new("smp:6", Some(4)).is_err());
        assert!(Topology::new("smp:cores=4", None).is_err());
    }
}

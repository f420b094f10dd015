// SPDX-License-Identifier: GPL-2.0-only
//! VM scenarios: `tests/vm/*.sh`, each with comments at its head that say how
//! to boot, and the runs that come out of their lists.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::guest::{Guest, Install};
use crate::paths;
use crate::vm::accel::{Accel, Mode};
use crate::vm::kernel::{self, Kernel};
use crate::vm::topology::Topology;
use crate::vm::{VmSpec, freeze, parse_mem};

/// On what a soak runs.
const SOAK_KERNELS: [&str; 3] = ["6.16", "6.18", "7"];
const SOAK_TOPOLOGIES: [&str; 4] = ["flat", "llc2", "smt2", "numa2"];
/// Wall seconds that a second of the virtual clock may take on a busy host.
const SLOWEST: u64 = 40;

/// How often a VM that died is booted again: emulators die, schedulers fail.
const RETRIES: u32 = 2;

/// A scenario, as its file says.
#[derive(Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The file's name without `.sh`.
    pub stem: String,
    /// One line on what it tests.
    pub what: String,
    kernels: Vec<String>,
    topologies: Vec<String>,
    cpus: Vec<u32>,
    mode: Mode,
    timeout: Duration,
    mem_mib: u64,
    /// For how long its machine stops when it asks for that.
    freeze_s: u32,
    systemd: bool,
    /// How the guest has what a user installs besides the programs, if at all.
    install: Option<Install>,
    /// What the script finds in its environment besides the usual.
    env: Vec<(String, String)>,
    script: String,
}

/// One boot of a scenario.
pub struct Run {
    /// What runs.
    pub scenario: Rc<Scenario>,
    kernel: String,
    topology: Topology,
}

/// Where the scenarios are.
pub fn folder() -> PathBuf {
    paths::root().join("tests/vm")
}

/// The runs of all scenarios on their kernels; with `kernel` a series only
/// those on it, with `kernel` a file all of them, once, on that.
///
/// # Errors
/// When a scenario cannot be read or says something that makes no sense.
pub fn all(kernel: Option<&str>) -> Result<Vec<Run>> {
    let folder = folder();
    let mut files: Vec<PathBuf> = match fs::read_dir(&folder) {
        Ok(entries) => entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect(),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot list {}", folder.display()));
        }
    };
    files.retain(|file| {
        file.extension().is_some_and(|end| end == "sh") && !file.ends_with("lib.sh")
    });
    files.sort();
    let mut runs = Vec::new();
    for file in files {
        let scenario = read(&file).with_context(|| file.display().to_string())?;
        runs.extend(
            scenario
                .runs(kernel)
                .with_context(|| file.display().to_string())?,
        );
    }
    Ok(runs)
}

/// The runs of `soak.sh` on all kernels and topologies, which together last
/// `seconds` of the guests' time, which is that of `mode`.
///
/// # Errors
/// Those of [`all`].
pub fn soak(seconds: u64, mode: Mode) -> Result<Vec<Run>> {
    let file = folder().join("soak.sh");
    let mut scenario = parse(
        "soak",
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?,
    )?;
    let each = seconds / (SOAK_KERNELS.len() * SOAK_TOPOLOGIES.len()) as u64;
    scenario.mode = mode;
    scenario.kernels = SOAK_KERNELS.map(str::to_owned).to_vec();
    scenario.topologies = SOAK_TOPOLOGIES.map(str::to_owned).to_vec();
    scenario.timeout += Duration::from_secs(each * SLOWEST);
    scenario.env = vec![("SOAK_S".into(), each.to_string())];
    Rc::new(scenario).runs(None)
}

fn read(file: &Path) -> Result<Rc<Scenario>> {
    let script = fs::read_to_string(file).context("cannot read it")?;
    let stem = file
        .file_stem()
        .context("it has no name")?
        .to_string_lossy();
    Ok(Rc::new(parse(&stem, script)?))
}

/// Reads the head: comments up to the first other line. `# key: value` with a
/// key of one small word is a setting, any other comment is prose.
fn parse(stem: &str, script: String) -> Result<Scenario> {
    let mut settings = Vec::new();
    for line in script.lines().map_while(|line| line.strip_prefix('#')) {
        let Some((key, value)) = line.trim().split_once(": ") else {
            continue;
        };
        if key.chars().all(|c| c.is_ascii_lowercase()) {
            settings.push((key.to_owned(), value.trim().to_owned()));
        }
    }
    let known = [
        "what", "kernels", "cpus", "topo", "mode", "timeout", "mem", "freeze", "init", "install",
    ];
    if let Some((key, _)) = settings
        .iter()
        .find(|(key, _)| !known.contains(&key.as_str()))
    {
        bail!("unknown setting {key}: there are {}", known.join(", "));
    }
    let get = |key: &str| {
        settings
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    };
    let need = |key: &str| get(key).with_context(|| format!("its head lacks `# {key}: ...`"));
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    Ok(Scenario {
        stem: stem.into(),
        what: need("what")?.into(),
        kernels: words(need("kernels")?),
        topologies: words(get("topo").unwrap_or("flat")),
        cpus: words(need("cpus")?)
            .iter()
            .map(|word| number(word))
            .collect::<Result<_>>()?,
        mode: get("mode").unwrap_or("rr").parse()?,
        timeout: Duration::from_secs(number(need("timeout")?)?),
        mem_mib: parse_mem(get("mem").unwrap_or("2G"))?,
        freeze_s: match get("freeze").map(number).transpose()? {
            Some(0) => bail!("a machine that stops does so for a second or more"),
            seconds => seconds.unwrap_or(freeze::USUAL_S),
        },
        systemd: match get("init") {
            None => false,
            Some("systemd") => true,
            Some(other) => bail!("unknown init {other}: there is systemd"),
        },
        install: get("install").map(str::parse).transpose()?,
        env: Vec::new(),
        script,
    })
}

fn number<T: FromStr>(text: &str) -> Result<T> {
    text.parse()
        .ok()
        .with_context(|| format!("{text:?} is no number"))
}

impl Scenario {
    fn runs(self: &Rc<Self>, kernel: Option<&str>) -> Result<Vec<Run>> {
        let kernels = match kernel {
            Some(file) if kernel::is_file(file) => vec![file.to_owned()],
            Some(series) => self
                .kernels
                .iter()
                .filter(|known| *known == series)
                .cloned()
                .collect(),
            None => self.kernels.clone(),
        };
        let mut runs = Vec::new();
        for kernel in &kernels {
            for name in &self.topologies {
                for &cpus in &self.cpus {
                    let topology = Topology::new(name, Some(cpus))?;
                    runs.push(Run {
                        scenario: Rc::clone(self),
                        kernel: kernel.clone(),
                        topology,
                    });
                }
            }
        }
        Ok(runs)
    }
}

impl Run {
    /// Scenario, kernel, topology and CPUs: `vm/attach 6.18 llc2 8`.
    pub fn name(&self) -> String {
        let Self {
            scenario,
            kernel,
            topology,
        } = self;
        format!(
            "vm/{} {kernel} {} {}",
            scenario.stem,
            topology.name(),
            topology.cpus()
        )
    }

    /// The program that its guest's files need and this machine lacks.
    pub fn lacks(&self) -> Option<&'static str> {
        self.scenario.install.and_then(Install::lacks)
    }

    /// For the table of mutants: whether its guest gets a program that is built for it,
    /// and not the one under test.
    #[cfg(test)]
    pub fn has_own_program(&self) -> bool {
        self.scenario.install == Some(Install::Dist)
    }

    /// The kernel, as the scenario names it.
    pub fn kernel(&self) -> &str {
        &self.kernel
    }

    /// The topology's name.
    pub fn topology(&self) -> &str {
        self.topology.name()
    }

    /// The VM that it runs in. The script finds the topology's name, the mode and
    /// the seconds of a freeze in `$VM_TOPO`, `$VM_MODE` and `$VM_FREEZE_S`.
    ///
    /// # Errors
    /// When the kernel cannot be had, or what its guest needs cannot be made.
    pub fn spec(&self, guest: &Guest) -> Result<VmSpec> {
        let scenario = &self.scenario;
        let freeze_s = scenario.freeze_s.to_string();
        let env = [
            ("VM_TOPO", self.topology.name()),
            ("VM_MODE", scenario.mode.name()),
            ("VM_FREEZE_S", &freeze_s),
        ];
        Ok(VmSpec {
            kernel: Kernel::resolve(&self.kernel)?,
            topology: self.topology.clone(),
            accel: Accel::Tcg(scenario.mode),
            mem_mib: scenario.mem_mib,
            timeout: scenario.timeout,
            freeze_s: scenario.freeze_s,
            systemd: scenario.systemd,
            files: guest.files(scenario.install)?,
            env: env
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .chain(scenario.env.iter().cloned())
                .collect(),
            // Both outputs by one pipe, or their lines would come out of order;
            // on the first line, so that the shell's line numbers are the file's.
            script: format!("exec 2>&1; {}", scenario.script),
            dmesg: None,
            profile: None,
            retries: RETRIES,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::parse;
    use crate::vm::accel::Mode;

    const HEAD: &str = "#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-only\n#\n# what: it boots: and ends\n\
        # kernels: 6.16 6.18\n# cpus: 4 8\n# topo: flat llc2\n# timeout: 60\n";

    #[test]
    fn lists_make_a_run_each() {
        let scenario = Rc::new(parse("boot", format!("{HEAD}\n# mode: vtime\ntrue\n")).unwrap());
        assert_eq!(scenario.what, "it boots: and ends");
        // The head had ended before the mode.
        assert_eq!(scenario.mode, Mode::Rr);
        let names = |kernel| {
            scenario
                .runs(kernel)
                .unwrap()
                .iter()
                .map(|run| run.name())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(None).len(), 8);
        assert_eq!(names(Some("6.18"))[3], "vm/boot 6.18 llc2 8");
        assert_eq!(names(Some("./vmlinuz")).len(), 4);
        assert!(names(Some("7")).is_empty());
    }

    #[test]
    fn heads_are_read_strictly() {
        assert!(parse("x", format!("{HEAD}# mode: vtime\n")).is_ok());
        for wrong in [
            "# modes: rr\n",
            "# mode: fast\n",
            "# mem: 2\n",
            "# freeze: 0\n",
        ] {
            assert!(parse("x", format!("{HEAD}{wrong}")).is_err(), "{wrong}");
        }
        for line in [
            "# what: it boots: and ends\n",
            "# kernels: 6.16 6.18\n",
            "# cpus: 4 8\n",
            "# timeout: 60\n",
        ] {
            assert!(parse("x", HEAD.replace(line, "")).is_err(), "{line}");
        }
    }
}

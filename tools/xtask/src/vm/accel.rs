// SPDX-License-Identifier: GPL-2.0-only
//! What runs the guest's instructions: host CPUs or QEMU, and by which clock.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

/// Guest CPUs that the virtual clock's plugin has room for (`MAX_VCPUS` there).
const VTIME_MAX_CPUS: u32 = 128;

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// QEMU emulates the CPUs.
    Tcg(Mode),
    /// The host's CPUs run the guest.
    Kvm,
}

/// How emulated CPUs share host threads, and what their clock follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A host thread a guest CPU, real clock.
    Mttcg,
    /// One host thread in turns, real clock.
    Rr,
    /// A host thread a guest CPU; virtual clock: each CPU executes
    /// `mhz * quantum_us` instructions, then waits for the others.
    Vtime { mhz: u32, quantum_us: u32 },
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split(':');
        let mode = match parts.next() {
            Some("mttcg") => Self::Mttcg,
            Some("rr") => Self::Rr,
            Some("vtime") => {
                let mut number = |or: u32| match parts.next() {
                    None => Ok(or),
                    Some(part) => part
                        .parse()
                        .ok()
                        .filter(|&n| n > 0)
                        .context("vtime:MHZ:QUANTUM_US takes numbers above 0"),
                };
                Self::Vtime {
                    mhz: number(1000)?,
                    quantum_us: number(20)?,
                }
            }
            _ => bail!("modes are mttcg, rr and vtime[:MHZ[:QUANTUM_US]]"),
        };
        match parts.next() {
            None => Ok(mode),
            Some(extra) => bail!("{text}: nothing may follow but {extra:?} does"),
        }
    }
}

impl Mode {
    /// Its name, without its numbers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mttcg => "mttcg",
            Self::Rr => "rr",
            Self::Vtime { .. } => "vtime",
        }
    }
}

impl Accel {
    /// Host cores that a VM with this many CPUs keeps busy.
    pub fn host_cores(self, cpus: u32) -> u32 {
        match self {
            // On the virtual clock CPUs wait for one another more than they run.
            Self::Tcg(Mode::Rr | Mode::Vtime { .. }) => 1,
            Self::Tcg(Mode::Mttcg) | Self::Kvm => cpus,
        }
    }

    /// Whether this VM can have so many CPUs.
    ///
    /// # Errors
    /// When the virtual clock has no room for them.
    pub fn check_cpus(self, cpus: u32) -> Result<()> {
        match self {
            Self::Tcg(Mode::Vtime { .. }) if cpus > VTIME_MAX_CPUS => {
                bail!("mode vtime has room for {VTIME_MAX_CPUS} CPUs, not {cpus}")
            }
            _ => Ok(()),
        }
    }

    /// QEMU's arguments; `plugin` is the file of the virtual clock, which jumps by
    /// `freeze_s` when it was stopped, and counts into `profile`.
    pub fn args(self, plugin: Option<&Path>, freeze_s: u32, profile: Option<&Path>) -> Vec<String> {
        // With the vendor that emulated CPUs have by default, AMD, Linux sees
        // neither LLCs nor SMT; CPUID leaf 0x1f, which level=0xd hides, makes
        // QEMU 10 and 11 abort when there are dies. What la57 and pku add to a
        // CPU only costs emulation time here.
        let emulated = "max,vendor=GenuineIntel,level=0xd,-la57,-pku,l3-cache=on";
        let (accel, cpu) = match self {
            Self::Kvm => ("kvm", "host,l3-cache=on"),
            Self::Tcg(Mode::Rr) => ("tcg,thread=single,tb-size=256", emulated),
            Self::Tcg(_) => ("tcg,thread=multi,tb-size=256", emulated),
        };
        let mut args = ["-accel", accel, "-cpu", cpu].map(str::to_owned).to_vec();
        if let (Self::Tcg(Mode::Vtime { mhz, quantum_us }), Some(plugin)) = (self, plugin) {
            args.push("-plugin".into());
            let profile = profile.map(|file| format!(",profile={}", file.display()));
            args.push(format!(
                "{},mhz={mhz},quantum={quantum_us},freeze={freeze_s}{}",
                plugin.display(),
                profile.unwrap_or_default()
            ));
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::{Accel, Mode};

    #[test]
    fn modes_have_defaults_and_limits() {
        let vtime = |mhz, quantum_us| Mode::Vtime { mhz, quantum_us };
        for (text, mode) in [
            ("mttcg", Mode::Mttcg),
            ("rr", Mode::Rr),
            ("vtime", vtime(1000, 20)),
            ("vtime:4000", vtime(4000, 20)),
            ("vtime:4000:50", vtime(4000, 50)),
        ] {
            assert_eq!(text.parse::<Mode>().unwrap(), mode, "{text}");
        }
        for wrong in ["", "icount", "rr:1", "vtime:0", "vtime:1:2:3", "vtime:x"] {
            assert!(wrong.parse::<Mode>().is_err(), "{wrong}");
        }
        let told =
            Accel::Tcg(vtime(1000, 20)).args(Some("/p.so".as_ref()), 10, Some("/x".as_ref()));
        assert!(
            told.iter()
                .any(|it| it == "/p.so,mhz=1000,quantum=20,freeze=10,profile=/x")
        );
        assert!(Accel::Tcg(vtime(1000, 20)).check_cpus(129).is_err());
        assert!(Accel::Tcg(Mode::Rr).check_cpus(129).is_ok());
    }
}

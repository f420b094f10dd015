// SPDX-License-Identifier: GPL-2.0-only
//! Benchmarks that others wrote, where they are installed.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{Figure, Measurement, Setting};

/// hackbench (rt-tests): 1, 4 and 16 groups of 20 senders and 20 receivers, processes,
/// over sockets.
///
/// # Errors
/// There is no such program, or it fails.
pub fn hackbench(setting: &Setting) -> Result<Measurement> {
    let loops: u32 = setting.scale.pick(240, 800, 2400);
    let time = |groups: u32| {
        // About as many messages each.
        let loops = (loops / groups).max(1).to_string();
        let text = output("hackbench", &["-g", &groups.to_string(), "-l", &loops])?;
        let time = hackbench_time(&text).context("hackbench printed no time")?;
        let name = format!("-g {groups}");
        Ok(Figure::lower(name, "s", 1e-3, time))
    };
    let figures = [1, 4, 16].map(time).into_iter().collect::<Result<_>>()?;
    Ok(Measurement::of(figures))
}

/// A stressor of stress-ng, n of them: operations a second.
///
/// # Errors
/// There is no such program, or it fails.
pub fn stress_ng(setting: &Setting, stressor: &str) -> Result<Measurement> {
    let (instances, class) = (setting.cpus.to_string(), format!("--{stressor}"));
    let seconds = setting.scale.pick("1", "2", "5");
    let words = [
        &class,
        instances.as_str(),
        "--timeout",
        seconds,
        "--metrics-brief",
    ];
    let text = output("stress-ng", &words)?;
    let rate = stress_ng_rate(&text, stressor).context("stress-ng printed no rate")?;
    Ok(Measurement::of(vec![Figure::higher(
        "", "ops/s", 1.0, rate,
    )]))
}

/// All that a program prints, on both outputs.
fn output(name: &str, arguments: &[&str]) -> Result<String> {
    let done = Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run {name}"))?;
    let text = [done.stdout, done.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if !done.status.success() {
        let last = text.lines().last().unwrap_or_default();
        bail!("{name}: {}, {last}", done.status);
    }
    Ok(text)
}

fn hackbench_time(text: &str) -> Option<f64> {
    let time = text.lines().find_map(|line| line.strip_prefix("Time:"))?;
    time.trim().parse().ok()
}

/// The fifth number of the line of the stressor: operations by the clock.
fn stress_ng_rate(text: &str, stressor: &str) -> Option<f64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != stressor);
        words.next()?;
        let numbers: Option<Vec<f64>> = words.map(|word| word.parse().ok()).collect();
        numbers?.get(4).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRESS_NG: &str = "\
stress-ng: info:  [7] dispatching hogs: 2 switch
stress-ng: metrc: [7] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s
stress-ng: metrc: [7] switch           373065      1.00      0.12      1.59    373680.45      218316.68
stress-ng: metrc: [7] switch              5336.91 nanosecs per context switch (pipe method)
";

    #[test]
    fn what_the_programs_print_is_read() {
        let text = "Each sender will pass 20 messages of 100 bytes\nTime: 0.013\n";
        assert_eq!(hackbench_time(text), Some(0.013));
        assert_eq!(stress_ng_rate(STRESS_NG, "switch"), Some(373_680.45));
        assert_eq!(hackbench_time("no time\n"), None);
        assert_eq!(stress_ng_rate(STRESS_NG, "futex"), None);
    }

    #[test]
    fn a_program_that_is_missing_or_fails_is_told_of() {
        let error =
            |name, arguments: &[&str]| format!("{:#}", output(name, arguments).unwrap_err());
        assert!(error("no-such-program", &[]).starts_with("run no-such-program"));
        let failed = error("sh", &["-c", "echo bad luck >&2; exit 3"]);
        assert_eq!(failed, "sh: exit status: 3, bad luck");
    }
}

// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows bench`

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hallows_load::burn;
use hallows_load::suite::{Scale, TESTS, Test, find};
use scx_utils::build_id;

use super::{print, progress_bar};
use crate::agent::sysfs;
use crate::bench::candidate::{Candidate, DEFAULT, OURS, installed};
use crate::bench::facts::Facts;
use crate::bench::kernel;
use crate::bench::moves::Counter;
use crate::bench::noise::Sample;
use crate::bench::report::{Head, Named, Report, SCHEMA};
use crate::bench::service::Paused;
use crate::bench::session::Bench as Session;
use crate::bench::{html, markdown, measure, ratios, sum, table};
use crate::exit::Error;
use crate::preflight::Preflight;
use crate::signals::Signals;
use crate::whole_file;

/// Measure this machine under the default scheduler, under scx_hallows and under
/// others, by turns, and say where which is better.
///
/// Prints a table, and writes report.json, report.html, which needs no other
/// file, and report.md with report.svg, for a page on the web. Everything is measured twice under the default scheduler: what that
/// differs from itself by is no difference. Ends with the default scheduler in
/// charge; a service that had loaded another one (scx_hallows, scx, scx_loader) is
/// stopped for it, and started again. Ctrl-C ends it sooner, with a report of what there is. Needs a quiet
/// machine: close what you don't need.
#[derive(Args, Clone, Debug)]
pub struct Bench {
    /// Each test measures for half a second instead of two, in 5 rounds: some minutes.
    #[arg(long)]
    pub quick: bool,

    /// Each test measures for 5 seconds, in 9 rounds: about an hour.
    #[arg(long, conflicts_with = "quick")]
    pub full: bool,

    /// Others to measure, separated by commas: names of programs such as
    /// scx_bpfland or paths, with arguments if need be; all means each scx_ program in
    /// PATH. The default scheduler (eevdf) and scx_hallows are always measured.
    #[arg(long, value_name = "SCHEDULERS", value_delimiter = ',')]
    pub against: Vec<String>,

    /// How often each test is run under each scheduler, 1 to 100 [default: 7].
    #[arg(long, value_name = "NR", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: Option<u32>,

    /// Run only these tests, separated by commas.
    #[arg(long, value_name = "TESTS", value_delimiter = ',', value_parser = tests(), hide_possible_values = true)]
    pub only: Vec<&'static Test>,

    /// Write the reports, and what the schedulers print, there
    /// [default: scx_hallows-bench-TIME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Go on when the machine is too noisy for a comparison.
    #[arg(long)]
    pub noisy_ok: bool,

    /// Measure nothing: write the reports of all rounds of these report.json, of
    /// the same machine, schedulers and tests.
    #[arg(long, value_name = "REPORTS", num_args = 1.., conflicts_with_all = ["against", "rounds", "only", "quick", "full", "noisy_ok", "list", "measure"])]
    pub sum: Vec<PathBuf>,

    /// List the tests and exit.
    #[arg(long)]
    pub list: bool,

    /// Run one test once, under whatever scheduler there is, print what it
    /// measured as JSON and exit.
    #[arg(long, value_name = "TEST", value_parser = tests(), hide_possible_values = true, conflicts_with_all = ["against", "rounds", "only", "out", "list"])]
    pub measure: Option<&'static Test>,

    /// With --measure: how many steps of work are a microsecond's, instead of
    /// what this CPU does in one now.
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..=1_000_000), requires = "measure")]
    pub per_us: Option<u64>,
}

impl Bench {
    /// Measures, and reports.
    ///
    /// # Errors
    /// [`Error::Usage`] for a scheduler that is not there or a folder that can't
    /// be written; [`Error::Unavailable`] and [`Error::Permission`] where the
    /// scheduler can't be loaded, another one is, or the machine is too noisy;
    /// [`Error::Failed`] when it was interrupted.
    pub fn run(&self) -> Result<(), Error> {
        if self.list {
            return print(TESTS.iter().map(listed).collect::<String>().as_bytes());
        }
        if let Some(test) = self.measure {
            let found = test.run(self.scale(), self.per_us)?;
            return print((json(&found)? + "\n").as_bytes());
        }
        if !self.sum.is_empty() {
            return self.sum_up();
        }
        let tests = self.tests()?;
        let program = env::current_exe()
            .map_err(|error| Error::Failed(format!("cannot find this program: {error}")))?;
        let candidates = self.candidates(&program)?;
        let out = self.folder()?;
        let compared = self.paused(program, candidates, tests, &out);
        if compared.is_err() && self.out.is_none() {
            // An empty one goes, one with reports in it stays.
            let _ = fs::remove_dir(&out);
        }
        compared
    }

    /// Compares while no service of ours runs.
    fn paused(
        &self,
        program: PathBuf,
        candidates: Vec<Candidate>,
        tests: Vec<&'static Test>,
        out: &Path,
    ) -> Result<(), Error> {
        // First, so that Ctrl-C leaves no service stopped.
        let signals = Signals::ending()?;
        // Until the end of this function.
        let _paused = Paused::stop()?;
        Preflight::default().check(false)?;
        self.compare(program, candidates, tests, out, &signals)
    }

    fn compare(
        &self,
        program: PathBuf,
        candidates: Vec<Candidate>,
        tests: Vec<&'static Test>,
        out: &Path,
        signals: &Signals,
    ) -> Result<(), Error> {
        let map = sysfs::read_map()?;
        let noise = self.listen(map.cells().len())?;
        if signals.is_shutdown() {
            return Err(Error::Failed(
                "interrupted before anything was measured".into(),
            ));
        }
        let (counter, moves_missing) = match Counter::start() {
            Ok(counter) => (Some(counter), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        let head = self.head(&candidates, Facts::read(&map), noise, moves_missing);
        let session = Session {
            program,
            candidates,
            tests,
            scale: self.scale(),
            rounds: self.rounds(),
            per_us: burn::iterations_per_us(),
            logs: out.to_owned(),
            counter,
            map: &map,
            stop: &|| signals.is_shutdown(),
        };
        let bar = progress_bar(session.steps() as u64);
        let (results, finished) = session.run(|step, what| {
            bar.set_position(step as u64);
            bar.set_message(what.to_owned());
        });
        bar.finish_and_clear();
        let command = |test: &Test| {
            let arguments = measure::arguments(test, session.scale, session.per_us);
            format!("{OURS} {}", arguments.join(" "))
        };
        let report = Report::new(head, &results, &session.tests, finished, command);
        publish(&report, out)?;
        if let Some(name) = kernel::loaded() {
            return Err(Error::Failed(format!(
                "the default scheduler is not back: {name} is loaded"
            )));
        }
        match finished {
            true => Ok(()),
            false => Err(Error::Failed(
                "interrupted; the report has what was measured until then".into(),
            )),
        }
    }

    /// One report of several.
    fn sum_up(&self) -> Result<(), Error> {
        let read = |file: &PathBuf| {
            let text = fs::read_to_string(file).map_err(|error| error.to_string());
            text.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()))
                .map_err(|error| Error::Usage(format!("--sum: {}: {error}", file.display())))
        };
        let reports = self.sum.iter().map(read);
        let reports: Vec<Report> = reports.collect::<Result<_, _>>()?;
        let report =
            sum::sum(&reports).map_err(|error| Error::Usage(format!("--sum: {error:#}")))?;
        publish(&report, &self.folder()?)
    }

    /// What is too loud.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if that is anything, unless the user allowed it.
    fn listen(&self, cpus: usize) -> Result<Vec<String>, Error> {
        let complaints = Sample::take(cpus)?.complaints();
        if complaints.is_empty() || self.noisy_ok {
            return Ok(complaints);
        }
        Err(Error::Unavailable(format!(
            "this machine is too noisy for a comparison: {}; end what disturbs, \
             or go on all the same with --noisy-ok",
            complaints.join("; ")
        )))
    }

    fn head(
        &self,
        candidates: &[Candidate],
        machine: Facts,
        noise: Vec<String>,
        moves_missing: Option<String>,
    ) -> Head {
        let named = |candidate: &Candidate| Named {
            name: candidate.name.clone(),
            command: candidate.shown(),
        };
        let words: Vec<String> = env::args().collect();
        Head {
            schema: SCHEMA,
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            version: build_id::full_version(env!("CARGO_PKG_VERSION")),
            command: words.join(" "),
            scale: self.scale(),
            rounds: self.rounds(),
            machine,
            noise,
            moves_missing,
            left_out: self.left_out(),
            candidates: candidates.iter().map(named).collect(),
        }
    }

    /// The default scheduler, this one, the others, and the default one again.
    fn candidates(&self, program: &Path) -> Result<Vec<Candidate>, Error> {
        let mut candidates: Vec<Candidate> = Vec::new();
        let named = self.against.iter().flat_map(|it| match it.as_str() {
            "all" => installed(),
            name => vec![name.to_owned()],
        });
        for text in [DEFAULT, OURS].map(str::to_owned).into_iter().chain(named) {
            let candidate = Candidate::parse(&text, program)
                .map_err(|error| Error::Usage(format!("--against: {error:#}")))?;
            if candidates.iter().all(|it| it.name != candidate.name) {
                candidates.push(candidate);
            }
        }
        candidates.push(Candidate::default_as(&format!("{DEFAULT} again")));
        Ok(candidates)
    }

    /// Makes the folder of the reports.
    fn folder(&self) -> Result<PathBuf, Error> {
        let out = self.out.clone().unwrap_or_else(|| {
            let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
            format!("{OURS}-bench-{}", time.replace(':', "")).into()
        });
        // Not a report's name: what is there stays until there is another.
        let probe = out.join(".report.partial");
        let made = fs::create_dir_all(&out)
            .and_then(|()| fs::write(&probe, ""))
            .and_then(|()| fs::remove_file(&probe));
        match made {
            Ok(()) => Ok(out),
            Err(error) => Err(Error::Usage(format!(
                "--out: cannot write into {}: {error}",
                out.display()
            ))),
        }
    }

    /// Those that the user named, or all whose programs are installed.
    fn tests(&self) -> Result<Vec<&'static Test>, Error> {
        if let Some(test) = self.only.iter().find(|it| !it.is_available()) {
            let program = test.needs.unwrap_or_default();
            return Err(Error::Usage(format!(
                "--only: {} needs {program}, which is not in PATH",
                test.name
            )));
        }
        let wanted = |test: &&Test| match self.only.is_empty() {
            true => test.is_available(),
            false => self.only.iter().any(|it| it.name == test.name),
        };
        Ok(TESTS.iter().filter(wanted).collect())
    }

    /// Tests that would be run if their programs were installed.
    fn left_out(&self) -> Vec<String> {
        let wanted = TESTS
            .iter()
            .filter(|it| self.only.is_empty() && !it.is_available());
        let told = |it: &Test| format!("{}: needs {}", it.name, it.needs.unwrap_or_default());
        wanted.map(told).collect()
    }

    fn scale(&self) -> Scale {
        match (self.quick, self.full) {
            (true, _) => Scale::Quick,
            (_, true) => Scale::Full,
            _ => Scale::Normal,
        }
    }

    fn rounds(&self) -> usize {
        let default = match self.scale() {
            Scale::Quick => 5,
            Scale::Normal => 7,
            Scale::Full => 9,
        };
        self.rounds.map_or(default, |rounds| rounds as usize)
    }
}

/// The picture that report.md shows.
const PICTURE: &str = "report.svg";

/// Prints the table, writes the reports, and prints where they are.
fn publish(report: &Report, out: &Path) -> Result<(), Error> {
    // Before anything that a full disk can make fail.
    let printed = print(table::text(report).as_bytes());
    let mut written = String::new();
    let json = serde_json::to_string_pretty(report)
        .map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))?;
    for (name, content) in [
        ("report.json", json + "\n"),
        ("report.html", html::page(report)),
        ("report.md", markdown::page(report, PICTURE)),
        (PICTURE, ratios::picture(report)),
    ] {
        let file = out.join(name);
        whole_file::write(&file, content.as_bytes(), 0o666)
            .map_err(|error| Error::Failed(format!("cannot write {}: {error}", file.display())))?;
        written += &format!("{}\n", file.display());
    }
    printed.and_then(|()| print(written.as_bytes()))
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    let json = serde_json::to_string(value);
    json.map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))
}

/// A test's line of the list.
fn listed(test: &Test) -> String {
    let missing = match test.needs {
        Some(program) if !test.is_available() => format!("; needs {program}"),
        _ => String::new(),
    };
    format!("{:<26}{}{missing}\n", test.name, test.about)
}

fn tests() -> impl TypedValueParser<Value = &'static Test> {
    let names = TESTS.iter().map(|test| test.name);
    PossibleValuesParser::new(names)
        .try_map(|name| find(&name).ok_or("no such test: see scx_hallows bench --list"))
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn parsed(words: &[&str]) -> Result<Bench, String> {
        let line = Line::try_parse_from([&["bench"], words].concat());
        line.map(|it| it.bench).map_err(|error| error.to_string())
    }

    fn names(bench: &Bench) -> Vec<String> {
        let candidates = bench.candidates(Path::new("/bin/sh")).unwrap();
        candidates.into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn the_default_scheduler_comes_first_and_again_last() {
        let bench = parsed(&[]).unwrap();
        assert_eq!(names(&bench), ["eevdf", "scx_hallows", "eevdf again"]);
        let bench = parsed(&["--against", "eevdf,/bin/sh,scx_hallows --no-agent"]).unwrap();
        assert_eq!(
            names(&bench)[1..4],
            ["scx_hallows", "/bin/sh", "scx_hallows --no-agent"]
        );
    }

    #[test]
    fn the_scale_sets_the_rounds_unless_they_are_given() {
        for (words, rounds) in [
            (&[][..], 7),
            (&["--quick"], 5),
            (&["--full"], 9),
            (&["--full", "--rounds", "2"], 2),
        ] {
            assert_eq!(parsed(words).unwrap().rounds(), rounds);
        }
    }

    #[test]
    fn tests_are_run_in_their_own_order() {
        let bench = parsed(&["--only", "idle,wakeup"]).unwrap();
        let names: Vec<_> = bench.tests().unwrap().iter().map(|it| it.name).collect();
        assert_eq!(names, ["wakeup", "idle"]);
        let all = TESTS.iter().filter(|it| it.is_available()).count();
        assert_eq!(parsed(&[]).unwrap().tests().unwrap().len(), all);
    }

    #[test]
    fn what_a_test_is_run_by_is_understood() {
        for scale in [Scale::Quick, Scale::Normal, Scale::Full] {
            let arguments = measure::arguments(&TESTS[0], scale, 500);
            let words: Vec<&str> = arguments[1..].iter().map(String::as_str).collect();
            let bench = parsed(&words).unwrap();
            assert_eq!((bench.scale(), bench.per_us), (scale, Some(500)));
            assert_eq!(bench.measure.map(|it| it.name), Some(TESTS[0].name));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for words in [
            &["--rounds", "0"][..],
            &["--quick", "--full"],
            &["--only", "nothing"],
            &["--measure", "idle", "--rounds", "2"],
            &["--per-us", "5"],
            &["--sum"],
            &["--sum", "x", "--rounds", "2"],
        ] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
        let unknown = parsed(&["--against", "scx_nothing"]).unwrap();
        let error = unknown.candidates(Path::new("/bin/sh")).unwrap_err();
        assert_eq!(error.code(), 2);
    }
}

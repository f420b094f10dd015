// SPDX-License-Identifier: GPL-2.0-only
//! What clients of the socket ask for: a line of JSON each, in the protocol of
//! `scx_stats`, `{"req": "stats", "args": {"target": "tune", "slice_us": "2000"}}`.
//!
//! A line is read without trust: whatever it holds, it becomes a [`Ask`] whose
//! values are in range, or an error of one line.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::change::{Setting, setting};

/// A longer line is no request: all keys with their longest values take a quarter.
pub const MAX_LINE: usize = 16 << 10;

/// Target of a request for the statistics, and that of one which names none.
pub const TOP: &str = "top";
/// Target of a request for all tunables.
pub const GET: &str = "tuning";
/// Target of a request to change some.
pub const SET: &str = "tune";
/// Target of a request to read the configuration file again.
pub const RELOAD: &str = "reload";
/// Target of a request for what the agent sees.
pub const TAPE: &str = "tape";
/// Target of a request for decisions about a task.
pub const WHY: &str = "why";

/// The argument that names the target.
pub const TARGET: &str = "target";
/// The argument of [`WHY`].
pub const PID: &str = "pid";

/// Longest part of a client's text in an answer to it, in characters.
const SHOWN: usize = 40;

/// What a client wants of the scheduler.
#[derive(Clone, Debug)]
pub enum Request {
    /// Everything counted so far.
    Snapshot,
    /// What the agent saw since this was asked last.
    Tape,
    /// Decisions about this task.
    Why(u32),
    /// All of these settings or none.
    Set(Vec<Setting>),
    /// What the configuration file says now.
    Reload,
}

/// What a line asks for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// What the statistics mean, which the server knows itself.
    Describe,
    /// The parameters that hold, which it knows, too.
    Params,
    /// Something that the scheduler answers.
    Of(Request),
    /// Settings of which one is none, for this reason.
    Unfit(String),
}

#[derive(Deserialize)]
struct Line {
    req: String,
    #[serde(default)]
    args: BTreeMap<String, String>,
}

/// Reads a request; `line` may have its end of line or not.
///
/// # Errors
/// One line: it is too long, no request, or one that nobody here answers.
pub fn read(line: &[u8]) -> Result<Ask, String> {
    if line.len() > MAX_LINE {
        return Err(format!("a request has at most {MAX_LINE} bytes"));
    }
    let line: Line =
        serde_json::from_slice(line).map_err(|error| format!("no request: {error}"))?;
    match line.req.as_str() {
        "stats" => stats(&line.args),
        "stats_meta" => Ok(Ask::Describe),
        other => Err(format!("unknown request {}", shown(other))),
    }
}

fn stats(args: &BTreeMap<String, String>) -> Result<Ask, String> {
    let request = match args.get(TARGET).map_or(TOP, String::as_str) {
        TOP => Request::Snapshot,
        GET => return Ok(Ask::Params),
        RELOAD => Request::Reload,
        TAPE => Request::Tape,
        WHY => {
            let pid = args.get(PID).ok_or("no pid is given")?;
            Request::Why(pid.parse().map_err(|_| "the pid is no number")?)
        }
        SET => match settings(args) {
            Ok(settings) => Request::Set(settings),
            Err(reason) => return Ok(Ask::Unfit(reason)),
        },
        other => return Err(format!("unknown target {}", shown(other))),
    };
    Ok(Ask::Of(request))
}

/// All arguments but the target are keys.
fn settings(args: &BTreeMap<String, String>) -> Result<Vec<Setting>, String> {
    let keys = args.iter().filter(|(name, _)| *name != TARGET);
    keys.map(|(name, value)| setting(name, value)).collect()
}

fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(SHOWN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::params::Params;
    use crate::config::KEYS;
    use crate::config::change::change;
    use proptest::prelude::*;

    fn request(line: &str) -> String {
        match read(line.as_bytes()) {
            Ok(Ask::Of(request)) => format!("{request:?}"),
            Ok(Ask::Describe) => "describe".to_owned(),
            Ok(Ask::Params) => "params".to_owned(),
            Ok(Ask::Unfit(reason)) => format!("unfit: {reason}"),
            Err(reason) => format!("error: {reason}"),
        }
    }

    #[test]
    fn each_target_is_a_request() {
        let of = |args: &str| request(&format!(r#"{{"req":"stats","args":{{{args}}}}}"#));
        assert_eq!(request(r#"{"req":"stats"}"#), "Snapshot");
        assert_eq!(request("{\"req\":\"stats_meta\"}\n"), "describe");
        assert_eq!(of(r#""target":"top""#), "Snapshot");
        assert_eq!(of(r#""target":"tuning""#), "params");
        assert_eq!(of(r#""target":"tape""#), "Tape");
        assert_eq!(of(r#""target":"reload""#), "Reload");
        assert_eq!(of(r#""target":"why","pid":"7""#), "Why(7)");
        assert!(of(r#""target":"tune","dwell":"4""#).starts_with("Set(["));
        assert!(of(r#""target":"tune","dwell":"0""#).starts_with("unfit: dwell 0"));
    }

    #[test]
    fn anything_else_is_refused_in_a_line() {
        for line in [
            "",
            "{",
            "null",
            "[]",
            r#"{"req":7}"#,
            r#"{"req":"stop"}"#,
            r#"{"req":"stats","args":{"target":"x"}}"#,
            r#"{"req":"stats","args":{"target":"why"}}"#,
            r#"{"req":"stats","args":{"target":"why","pid":"-1"}}"#,
            r#"{"req":"stats","args":{"pid":7}}"#,
            r#"{"req":"stats"} {}"#,
        ] {
            let told = request(line);
            assert!(told.starts_with("error: "), "{line}: {told}");
            assert!(told.len() < 120 && !told.contains('\n'), "{told}");
        }
        let long = format!(r#"{{"req":"{}"}}"#, "x".repeat(MAX_LINE));
        assert!(request(&long).contains("at most"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn what_is_set_makes_sense(
            names in prop::collection::vec(0..KEYS.len(), 1..4),
            values in prop::collection::vec("[0-9a-z.,\\[\\]-]{0,12}", 4),
        ) {
            let args: BTreeMap<_, _> =
                names.iter().zip(values).map(|(at, value)| (KEYS[*at].name, value)).collect();
            let mut args = serde_json::to_value(args).unwrap();
            args[TARGET] = SET.into();
            let line = serde_json::json!({"req": "stats", "args": args}).to_string();
            if let Ok(Ask::Of(Request::Set(settings))) = read(line.as_bytes())
                && let Ok((params, _)) = change(&Params::default(), &settings)
            {
                prop_assert!(params.validate().is_ok());
            }
        }
    }
}

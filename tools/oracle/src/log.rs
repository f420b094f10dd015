// SPDX-License-Identifier: GPL-2.0-only
//! A trace as text: one line per task or event, names last because they may
//! contain anything.
//!
//! ```text
//! hallows-oracle trace 1
//! possible 0-3
//! online 0-3
//! task PID PRIO R|S MASK COMM
//! lost REASON
//! TIME_NS CPU switch PREV PREV_PRIO R|S|X NEXT NEXT_PRIO NEXT_COMM
//! TIME_NS CPU waking PID
//! TIME_NS CPU wakeup PID PRIO TARGET COMM
//! TIME_NS CPU new PID PRIO MASK
//! TIME_NS CPU migrate PID TO
//! TIME_NS CPU allowed PID set|pin|unpin MASK
//! TIME_NS CPU exit PID
//! TIME_NS CPU exec PID OLD
//! TIME_NS CPU cpu-down|cpu-up TARGET
//! TIME_NS CPU ready|end
//! ```

use std::fmt;
use std::io::{self, BufRead, Write};
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};

use crate::event::{Comm, Event, Initial, InitialTask, Kind, Left, MaskChange, Pid};

const MAGIC: &str = "hallows-oracle trace 1";

/// Writes what precedes the events. `lost` says, a reason a line, why the trace
/// is not complete.
///
/// # Errors
/// Those of the writer.
pub fn write_header(out: &mut impl Write, initial: &Initial, lost: &[String]) -> io::Result<()> {
    writeln!(out, "{MAGIC}")?;
    writeln!(out, "possible {}", initial.possible)?;
    writeln!(out, "online {}", initial.online)?;
    for task in &initial.tasks {
        let state = if task.runnable { "R" } else { "S" };
        let InitialTask {
            pid,
            prio,
            mask,
            comm,
            ..
        } = task;
        writeln!(out, "task {pid} {prio} {state} {mask} {comm}")?;
    }
    for reason in lost {
        writeln!(out, "lost {reason}")?;
    }
    Ok(())
}

/// A trace read back.
#[derive(Debug, Default)]
pub struct Log {
    /// The state that it starts from.
    pub initial: Initial,
    /// Why it is not complete; empty when it is.
    pub lost: Vec<String>,
    /// Its events in order.
    pub events: Vec<Event>,
}

/// Reads a whole trace. Empty lines and lines that begin with `#` are skipped.
///
/// # Errors
/// When a line can't be read or is not of the format; the error names the line.
pub fn read(input: impl BufRead) -> Result<Log> {
    let mut log = Log::default();
    let mut lines = input.lines();
    match lines.next().transpose()? {
        Some(first) if first == MAGIC => {}
        _ => bail!("not a trace: the first line must be '{MAGIC}'"),
    }
    for (index, line) in lines.enumerate() {
        let line = line?;
        if !line.is_empty() && !line.starts_with('#') {
            parse_line(&mut log, &line).with_context(|| format!("line {}: '{line}'", index + 2))?;
        }
    }
    Ok(log)
}

fn parse_line(log: &mut Log, line: &str) -> Result<()> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "possible" => log.initial.possible = parse(rest)?,
        "online" => log.initial.online = parse(rest)?,
        "lost" => log.lost.push(rest.to_owned()),
        "task" => log.initial.tasks.push(parse_task(rest)?),
        _ => log.events.push(line.parse()?),
    }
    Ok(())
}

fn parse_task(text: &str) -> Result<InitialTask> {
    let mut fields = Fields(text);
    Ok(InitialTask {
        pid: fields.next()?,
        prio: fields.next()?,
        runnable: fields.word()? == "R",
        mask: fields.next()?,
        comm: fields.rest(),
    })
}

impl FromStr for Event {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let mut fields = Fields(line);
        Ok(Self {
            time_ns: fields.next()?,
            cpu: fields.next()?,
            kind: parse_kind(&mut fields)?,
        })
    }
}

fn parse_kind(fields: &mut Fields) -> Result<Kind> {
    Ok(match fields.word()? {
        "switch" => Kind::Switch {
            prev: fields.next()?,
            prev_prio: fields.next()?,
            left: fields.next()?,
            next: fields.next()?,
            next_prio: fields.next()?,
            next_comm: fields.rest(),
        },
        "waking" => Kind::Waking {
            pid: fields.next()?,
        },
        "wakeup" => Kind::Wakeup {
            pid: fields.next()?,
            prio: fields.next()?,
            target: fields.next()?,
            comm: fields.rest(),
        },
        "new" => Kind::New {
            pid: fields.next()?,
            prio: fields.next()?,
            mask: fields.next()?,
        },
        "migrate" => Kind::Migrate {
            pid: fields.next()?,
            to: fields.next()?,
        },
        "allowed" => Kind::Allowed {
            pid: fields.next()?,
            change: fields.next()?,
            mask: fields.next()?,
        },
        "exit" => Kind::Exit {
            pid: fields.next()?,
        },
        "exec" => Kind::Exec {
            pid: fields.next()?,
            old: fields.next::<Pid>()?,
        },
        "cpu-down" => Kind::CpuDown {
            target: fields.next()?,
        },
        "cpu-up" => Kind::CpuUp {
            target: fields.next()?,
        },
        "ready" => Kind::Ready,
        "end" => Kind::End,
        other => bail!("unknown event '{other}'"),
    })
}

/// What is left of a line, split at single blanks.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn word(&mut self) -> Result<&'a str> {
        let (word, rest) = self.0.split_once(' ').unwrap_or((self.0, ""));
        self.0 = rest;
        if word.is_empty() {
            bail!("a field is missing");
        }
        Ok(word)
    }

    fn next<T: FromStr<Err: fmt::Display>>(&mut self) -> Result<T> {
        parse(self.word()?)
    }

    fn rest(&mut self) -> Comm {
        Comm::new(std::mem::take(&mut self.0).as_bytes())
    }
}

fn parse<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T> {
    text.parse().map_err(|e| anyhow!("'{text}': {e}"))
}

impl FromStr for Left {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "R" => Ok(Self::Runnable),
            "S" => Ok(Self::Blocked),
            "X" => Ok(Self::Dead),
            _ => Err("a state is R, S or X"),
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Runnable => "R",
            Self::Blocked => "S",
            Self::Dead => "X",
        })
    }
}

impl FromStr for MaskChange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "set" => Ok(Self::Set),
            "pin" => Ok(Self::Pin),
            "unpin" => Ok(Self::Unpin),
            _ => Err("a mask change is set, pin or unpin"),
        }
    }
}

impl fmt::Display for MaskChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set => "set",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.time_ns, self.cpu, self.kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch {
                prev,
                prev_prio,
                left,
                next,
                next_prio,
                next_comm,
            } => write!(
                f,
                "switch {prev} {prev_prio} {left} {next} {next_prio} {next_comm}"
            ),
            Self::Waking { pid } => write!(f, "waking {pid}"),
            Self::Wakeup {
                pid,
                prio,
                target,
                comm,
            } => write!(f, "wakeup {pid} {prio} {target} {comm}"),
            Self::New { pid, prio, mask } => write!(f, "new {pid} {prio} {mask}"),
            Self::Migrate { pid, to } => write!(f, "migrate {pid} {to}"),
            Self::Allowed { pid, change, mask } => write!(f, "allowed {pid} {change} {mask}"),
            Self::Exit { pid } => write!(f, "exit {pid}"),
            Self::Exec { pid, old } => write!(f, "exec {pid} {old}"),
            Self::CpuDown { target } => write!(f, "cpu-down {target}"),
            Self::CpuUp { target } => write!(f, "cpu-up {target}"),
            Self::Ready => f.write_str("ready"),
            Self::End => f.write_str("end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let lines = "hallows-oracle trace 1\npossible 0-3\nonline 0-2\n\
            task 7 120 R 0-3 a b\ntask 8 -1 S 1 c\nlost CPU 1 lost 3 events\n\
            5 0 switch 7 120 R 0 120 swapper/0\n5 1 waking 7\n6 1 wakeup 7 120 2 a b\n\
            6 1 new 9 120 0,2\n7 2 migrate 7 2\n7 0 allowed 7 set 1-2\n\
            7 0 allowed 7 pin 1\n7 0 allowed 7 unpin 1-2\n8 0 exit 7\n8 0 exec 7 11\n\
            8 0 cpu-down 1\n8 0 cpu-up 1\n8 0 switch 7 120 X 8 99 c\n\
            8 0 switch 8 99 S 9 120 d\n9 3 ready\n9 3 end\n";
        let log = read(lines.as_bytes()).unwrap();
        let mut written = Vec::new();
        write_header(&mut written, &log.initial, &log.lost).unwrap();
        for event in &log.events {
            writeln!(written, "{event}").unwrap();
        }
        assert_eq!(String::from_utf8(written).unwrap(), lines);
    }

    #[test]
    fn nonsense_is_refused_with_its_line() {
        let error = |text: &str| format!("{:#}", read(text.as_bytes()).unwrap_err());
        assert!(error("hello").contains("first line"));
        assert!(error("hallows-oracle trace 1\n\n1 0 what 3").starts_with("line 3"));
        assert!(error("hallows-oracle trace 1\n1 0 waking").contains("missing"));
    }

    #[test]
    fn control_characters_in_names_do_not_break_lines() {
        assert_eq!(Comm::new(b"a\nb").to_string(), "a?b");
        assert_eq!(
            Comm::new(b"0123456789abcdefgh").to_string(),
            "0123456789abcde"
        );
    }
}

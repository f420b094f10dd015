// SPDX-License-Identifier: GPL-2.0-only
//! A team of threads that start together and whose set-up may fail.

use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use libc::pid_t;

use crate::run::Run;
use crate::sys;

/// Starts `size` threads. Each runs `setup(index)`; when all have succeeded they
/// start `body(index)` at once and the run's clock starts. Meanwhile the calling
/// thread executes `during` with their thread ids. Returns what `during` and the
/// bodies returned; bodies must end when [`Run::over`] says so.
///
/// # Errors
/// A thread that can't be started, the first failure of a `setup` (no body runs
/// in either case), or the failure of `during`.
pub fn run_team<T: Send, R>(
    run: &Run,
    size: usize,
    duration: Duration,
    setup: impl Fn(usize) -> Result<()> + Sync,
    body: impl Fn(usize) -> T + Sync,
    during: impl FnOnce(&[pid_t]) -> Result<R>,
) -> Result<(R, Vec<T>)> {
    let gate = Gate::default();
    let member = |index: usize, ready: mpsc::Sender<Result<(usize, pid_t)>>| {
        // The receiver outlives every thread of the scope.
        let _ = ready.send(setup(index).map(|()| (index, sys::gettid())));
        gate.wait();
        (!run.stopped()).then(|| body(index))
    };
    thread::scope(|scope| {
        let (ready, readiness) = mpsc::channel();
        let member = &member;
        let mut threads = Vec::with_capacity(size);
        let started = (0..size).try_for_each(|index| {
            let ready = ready.clone();
            let builder = thread::Builder::new().name(format!("load-{index}"));
            threads.push(builder.spawn_scoped(scope, move || member(index, ready))?);
            anyhow::Ok(())
        });
        let tids = started
            .context("start a thread")
            .and_then(|()| collect(&readiness, size));
        match &tids {
            Ok(_) => run.begin(duration),
            Err(_) => run.stop(),
        }
        gate.open();
        let watched = tids.and_then(|tids| during(&tids));
        run.stop();
        let results = threads
            .into_iter()
            .map(|t| t.join().map_err(|_| anyhow!("a load thread panicked")))
            .collect::<Result<Vec<_>>>();
        Ok((watched?, results?.into_iter().flatten().collect()))
    })
}

/// Waits until all `size` threads are set up; their ids by index.
fn collect(readiness: &mpsc::Receiver<Result<(usize, pid_t)>>, size: usize) -> Result<Vec<pid_t>> {
    let mut tids = vec![0; size];
    for outcome in readiness.iter().take(size) {
        let (index, tid) = outcome?;
        tids[index] = tid;
    }
    Ok(tids)
}

/// A gate that lets everybody through once it is open. Unlike a barrier it
/// needs no head count, so a team that could not be completed can be let go.
#[derive(Default)]
struct Gate {
    opened: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn wait(&self) {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        // A poisoned lock still guards a plain bool, so the result is usable.
        drop(self.changed.wait_while(opened, |opened| !*opened));
    }

    fn open(&self) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn bodies_run_until_the_deadline_and_results_keep_their_order() {
        let run = Run::prepare().unwrap();
        let wait_for_end = |index: usize| {
            while !run.over() {
                thread::yield_now();
            }
            index
        };
        let watch = |tids: &[pid_t]| {
            run.wait();
            Ok(tids.len())
        };
        let short = Duration::from_millis(20);
        let (seen, results) = run_team(&run, 3, short, |_| Ok(()), wait_for_end, watch).unwrap();
        assert_eq!((seen, results), (3, vec![0, 1, 2]));
    }

    #[test]
    fn one_failed_set_up_lets_everybody_go() {
        let run = Run::prepare().unwrap();
        let fail_second = |index| if index == 1 { bail!("no") } else { Ok(()) };
        let hour = Duration::from_secs(3600);
        let outcome = run_team(&run, 3, hour, fail_second, |_| (), |_| Ok(()));
        assert_eq!(outcome.unwrap_err().to_string(), "no");
    }
}

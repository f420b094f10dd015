// SPDX-License-Identifier: GPL-2.0-only
//! Hand-written traces of two CPUs, 0 and 1. Times are in us here. Task 10 may
//! use both CPUs, 11 only CPU 1; the bound is 1000 us, the skew 50 us.

use super::*;
use crate::log;
use crate::report::Verdict;

/// Both CPUs idle, nothing runnable.
const QUIET: &str = "\
1 0 switch 5 120 S 0 120 swapper/0
1 1 switch 6 120 S 0 120 swapper/1
2 0 ready";

fn judge_tasks(tasks: &str, parts: &[&str]) -> Report {
    let mut text = format!(
        "hallows-oracle trace 1\npossible 0-1\nonline 0-1\n\
         task 5 120 S 0-1 five\ntask 6 120 S 0-1 six\n{tasks}"
    );
    for line in parts.iter().flat_map(|part| part.lines()) {
        let (time_us, rest) = line.trim().split_once(' ').unwrap();
        text += &format!("\n{time_us}000 {rest}");
    }
    let trace = log::read(text.as_bytes()).unwrap();
    let limits = Limits {
        bound_ns: 1_000_000,
        skew_ns: 50_000,
    };
    let mut replay = Replay::new(trace.initial, limits);
    trace.events.iter().for_each(|event| replay.feed(event));
    replay.finish(trace.lost)
}

fn judge(parts: &[&str]) -> Report {
    let tasks = "task 10 120 S 0-1 ten\ntask 11 120 S 1 eleven\n\
                 task 20 0 S 0 migration/0\ntask 21 0 S 1 migration/1";
    judge_tasks(tasks, parts)
}

fn violations(parts: &[&str]) -> (u64, u64) {
    let report = judge(parts);
    assert_eq!(report.inconclusive, Vec::<String>::new());
    (report.mask.violations, report.wait.violations)
}

// ---- law 1

#[test]
fn running_inside_the_mask_is_fine() {
    let run = "10 1 wakeup 11 120 1 eleven\n11 1 switch 0 120 R 11 120 eleven\n5000 1 end";
    assert_eq!(violations(&[QUIET, run]), (0, 0));
}

#[test]
fn running_outside_the_mask_is_found() {
    let run = "10 0 wakeup 11 120 0 eleven\n11 0 switch 0 120 R 11 120 eleven\n5000 0 end";
    let report = judge(&[QUIET, run]);
    assert_eq!(report.mask.violations, 1);
    let found = &report.mask.examples[0];
    assert_eq!((found.pid, found.cpu, found.allowed.as_str()), (11, 0, "1"));
    assert_eq!(found.time_ns, 10_000, "relative to the first event");
    assert_eq!(report.verdict, Verdict::Violated);
}

#[test]
fn a_new_mask_is_in_force_at_the_next_switch() {
    let narrowed = "10 0 allowed 10 set 1\n200 0 wakeup 10 120 0 ten\n\
                    201 0 switch 0 120 R 10 120 ten\n5000 0 end";
    let report = judge(&[QUIET, narrowed]);
    assert_eq!(report.mask.violations, 1);
    let found = &report.mask.examples[0];
    assert_eq!((found.changed_ns, found.changer), (Some(9_000), Some(0)));
    let widened = "10 0 allowed 11 set 0-1\n200 0 wakeup 11 120 0 eleven\n\
                   201 0 switch 0 120 R 11 120 eleven\n5000 0 end";
    assert_eq!(violations(&[QUIET, widened]).0, 0);
}

/// Task 10 runs on CPU 0 and loses that CPU at 100 us.
const LOSES_CPU_0: &str = "\
10 0 wakeup 10 120 0 ten
11 0 switch 0 120 R 10 120 ten
100 1 allowed 10 set 1";

#[test]
fn a_task_that_loses_its_cpu_while_running_may_return_until_the_stopper_came() {
    let returns = "300 0 switch 10 120 R 5 120 five\n400 0 switch 5 120 S 10 120 ten";
    let stopper = "500 0 switch 10 120 R 20 0 migration/0\n501 0 migrate 10 1\n\
                   502 0 switch 20 0 S 0 120 swapper/0\n503 1 switch 0 120 R 10 120 ten\n5000 0 end";
    let report = judge(&[QUIET, LOSES_CPU_0, returns, stopper]);
    assert_eq!((report.mask.violations, report.mask.graced), (0, 1));
}

#[test]
fn once_the_stopper_came_twice_it_may_not_return() {
    let stopper = "\
        300 0 switch 10 120 R 20 0 migration/0\n301 0 switch 20 0 S 0 120 swapper/0
        310 0 switch 0 120 R 20 0 migration/0\n311 0 switch 20 0 S 0 120 swapper/0
        400 0 switch 0 120 R 10 120 ten\n5000 0 end";
    assert_eq!(violations(&[QUIET, LOSES_CPU_0, stopper]).0, 1);
}

#[test]
fn the_grace_holds_only_where_it_ran_and_ends_by_itself() {
    let loses_both = "10 0 wakeup 10 120 0 ten\n11 0 switch 0 120 R 10 120 ten\n\
                      100 1 allowed 10 set 5\n300 0 switch 10 120 R 0 120 swapper/0";
    let elsewhere = "400 1 switch 0 120 R 10 120 ten\n5000 0 end";
    assert_eq!(violations(&[QUIET, loses_both, elsewhere]).0, 1);
    let late = "300 0 switch 10 120 R 5 120 five\n200000 0 switch 5 120 S 10 120 ten\n200001 0 end";
    assert_eq!(judge(&[QUIET, LOSES_CPU_0, late]).mask.violations, 1);
}

#[test]
fn a_mask_change_during_a_wake_up_has_a_grace_for_one_switch() {
    let woken = "10 0 switch 0 120 R 10 120 ten\n100 0 switch 10 120 S 0 120 swapper/0\n\
                 200 1 waking 10\n201 1 allowed 10 set 1\n300 0 wakeup 10 120 0 ten\n\
                 301 0 switch 0 120 R 10 120 ten\n302 0 switch 10 120 S 0 120 swapper/0";
    let again = "400 1 wakeup 10 120 0 ten\n401 0 switch 0 120 R 10 120 ten\n5000 0 end";
    assert_eq!(violations(&[QUIET, woken, "5000 0 end"]).0, 0);
    assert_eq!(violations(&[QUIET, woken, again]).0, 1);
}

#[test]
fn a_wake_up_may_begin_before_its_task_has_left_its_cpu() {
    let asleep = |begun: &str| {
        let asleep = "100 0 switch 10 120 S 0 120 swapper/0\n200 1 allowed 10 set 1\n\
                      300 0 wakeup 10 120 0 ten\n301 0 switch 0 120 R 10 120 ten\n5000 0 end";
        let runs = format!("10 0 switch 0 120 R 10 120 ten\n{begun}");
        violations(&[QUIET, &runs, asleep]).0
    };
    assert_eq!(asleep("99 1 waking 10\n"), 0);
    assert_eq!(asleep(""), 1);
    let over = "20 1 waking 10\n21 1 wakeup 10 120 0 ten\n";
    assert_eq!(asleep(over), 1, "that one had found it running");
}

#[test]
fn a_migration_disabled_task_stays_on_its_cpu() {
    let pinned = "300 0 allowed 10 pin 0\n301 0 switch 10 120 R 0 120 swapper/0\n\
                  302 0 switch 0 120 R 10 120 ten\n";
    let stays = "303 0 allowed 10 unpin 1\n304 0 switch 10 120 R 20 0 migration/0\n\
                 400 1 switch 0 120 R 10 120 ten\n5000 0 end";
    // A change on another CPU meanwhile concerns the mask below.
    assert_eq!(violations(&[QUIET, LOSES_CPU_0, pinned, stays]).0, 0);
    let moved = "303 0 switch 10 120 R 0 120 swapper/0\n400 1 switch 0 120 R 10 120 ten\n\
                 500 0 allowed 10 unpin 0-1\n5000 0 end";
    assert_eq!(
        violations(&[QUIET, LOSES_CPU_0, pinned, moved]).0,
        1,
        "left its pin"
    );
}

/// Task 10 runs on CPU 0 and may use 1 only, which goes before the stopper came; what
/// runs after it on CPU 0 is 10 again.
const LEFT_BEHIND: &str = "\
10 0 wakeup 10 120 0 ten
11 0 switch 0 120 R 10 120 ten
90 0 allowed 10 set 1
100 0 cpu-down 1
120 0 switch 10 120 R 20 0 migration/0
121 0 switch 20 0 S 10 120 ten
200000 0 switch 10 120 R 5 120 five
200001 0 switch 5 120 S 10 120 ten";

#[test]
fn a_task_whose_cpus_all_went_offline_stays_where_it_is() {
    assert_eq!(violations(&[QUIET, LEFT_BEHIND, "200002 0 end"]).0, 0);
    // The CPU is back, and so is the task; then there is no excuse.
    let back = "200100 0 cpu-up 1\n200200 0 switch 10 120 S 0 120 swapper/0\n\
                200300 0 wakeup 10 120 1 ten\n200301 1 switch 0 120 R 10 120 ten\n\
                200400 1 switch 10 120 S 0 120 swapper/1\n400000 0 wakeup 10 120 0 ten\n\
                400001 0 switch 0 120 R 10 120 ten\n400100 0 end";
    assert_eq!(violations(&[QUIET, LEFT_BEHIND, back]).0, 1);
}

#[test]
fn nor_can_it_go_where_the_stopper_was_to_move_it() {
    // 5 is another CPU of the mask, which is there.
    let other = LEFT_BEHIND.replace("set 1", "set 1,5");
    let there = "3 0 cpu-up 5";
    let report = judge(&[QUIET, there, &other, "200002 0 end"]);
    assert_eq!(report.mask.violations, 0);
    let stays = other.replace("cpu-down 1", "cpu-down 6");
    let report = judge(&[QUIET, there, &stays, "200002 0 end"]);
    assert_eq!(report.mask.violations, 1);
}

#[test]
fn changes_nearer_than_the_skew_are_too_close_to_call() {
    let before = "10 0 allowed 10 set 1\n40 0 wakeup 10 120 0 ten\n41 0 switch 0 120 R 10 120 ten\n\
                  5000 0 end";
    let after = "10 0 switch 0 120 R 11 120 eleven\n40 1 allowed 11 set 0-1\n5000 0 end";
    for swapped in [before, after] {
        let report = judge(&[QUIET, swapped]);
        assert_eq!((report.mask.violations, report.mask.too_close), (0, 1));
    }
    let later = "10 0 switch 0 120 R 11 120 eleven\n90 1 allowed 11 set 0-1\n5000 0 end";
    assert_eq!(judge(&[QUIET, later]).mask.violations, 1);
}

#[test]
fn so_is_a_change_before_the_stopper_has_enforced_the_last_one() {
    // 10 runs on CPU 0, loses it, is preempted, and its mask changes again.
    let graced = "10 0 switch 0 120 R 10 120 ten\n40 1 allowed 10 set 1\n\
                  400 0 switch 10 120 R 5 120 five\n800 1 allowed 10 set 1,2\n\
                  800 0 switch 5 120 R 10 120 ten\n5000 0 end";
    let report = judge(&[QUIET, graced]);
    assert_eq!((report.mask.violations, report.mask.too_close), (0, 1));
    let later = graced.replace("800 0", "900 0");
    assert_eq!(judge(&[QUIET, &later]).mask.violations, 1);
}

#[test]
fn of_two_changes_by_two_cpus_at_a_time_either_may_be_the_last() {
    let trace = |second: &str| {
        format!(
            "10 0 switch 0 120 R 5 120 five\n100 0 allowed 10 set 0\n{second}\n\
             300 0 wakeup 10 120 0 ten\n400 0 switch 5 120 R 10 120 ten\n5000 0 end"
        )
    };
    let judged = |second| judge(&[QUIET, &trace(second)]).mask;
    let close = judged("100 1 allowed 10 set 1");
    assert_eq!((close.violations, close.unchecked), (0, 1));
    let in_order = ["100 0 allowed 10 set 1", "200 1 allowed 10 set 1"];
    assert!(in_order.iter().all(|second| judged(second).violations == 1));
    // The next change ends the doubt.
    let settled = judged("100 1 allowed 10 set 1\n200 1 allowed 10 set 1");
    assert_eq!(settled.violations, 1);
}

#[test]
fn a_new_task_has_the_mask_it_was_born_with_whoever_had_its_id() {
    let born = "10 0 new 11 120 0\n20 0 switch 0 120 R 11 120 child\n5000 0 end";
    assert_eq!(violations(&[QUIET, born]), (0, 0));
    let strays = "10 0 new 30 120 0\n20 1 switch 0 120 R 30 120 child\n5000 0 end";
    assert_eq!(violations(&[QUIET, strays]).0, 1);
}

#[test]
fn a_thread_that_executes_a_program_takes_its_mask_to_the_leaders_id() {
    let run = "10 1 switch 0 120 R 11 120 eleven\n20 1 exec 40 11\n30 1 switch 40 120 S 0 120 swapper/1\n\
               40 1 wakeup 40 120 0 eleven\n41 0 switch 0 120 R 40 120 eleven\n5000 0 end";
    assert_eq!(violations(&[QUIET, run]).0, 1, "40 is allowed CPU 1 only");
}

// ---- law 2

/// CPU 1 runs task 6 all the time, CPU 0 idles.
const BUSY_1: &str = "\
1 0 switch 5 120 S 0 120 swapper/0
1 1 switch 0 120 R 6 120 six
2 0 ready";

#[test]
fn a_long_wait_beside_an_idle_cpu_is_found() {
    let wait = "100 0 wakeup 10 120 1 ten\n1600 1 switch 6 120 S 10 120 ten\n5000 0 end";
    let report = judge(&[BUSY_1, wait]);
    assert_eq!(
        (report.wait.violations, report.wait.longest_ns),
        (1, 1_500_000)
    );
    let worst = &report.wait.worst[0];
    assert_eq!((worst.pid, worst.cpu, worst.idle_cpu), (10, 1, 0));
    assert_eq!((worst.comm.as_str(), worst.wait_start_ns), ("ten", 99_000));
    assert_eq!(report.wait.wasted_ns, 1_500_000);
}

#[test]
fn a_wait_within_the_bound_is_measured_but_no_violation() {
    let wait = "100 0 wakeup 10 120 1 ten\n1100 1 switch 6 120 S 10 120 ten\n5000 0 end";
    let report = judge(&[BUSY_1, wait]);
    assert_eq!(
        (report.wait.violations, report.wait.longest_ns),
        (0, 1_000_000)
    );
    assert_eq!(report.verdict, Verdict::Ok);
}

#[test]
fn waiting_is_fine_while_every_allowed_cpu_is_busy() {
    let pinned = "100 0 wakeup 11 120 1 eleven\n9000 1 switch 6 120 S 11 120 eleven\n9500 0 end";
    let report = judge(&[BUSY_1, pinned]);
    assert_eq!((report.wait.violations, report.wait.longest_ns), (0, 0));
    assert_eq!((report.wait.waits, report.wait.wasted_ns), (1, 0));
}

#[test]
fn the_longest_wait_of_all_needs_no_idle_cpu() {
    let waits = "100 0 wakeup 11 120 1 eleven\n3000 0 allowed 11 set 0-1\n\
                 3500 0 switch 0 120 R 11 120 eleven\n4000 0 wakeup 10 120 1 ten\n\
                 5000 1 switch 6 120 S 10 120 ten\n5500 0 end";
    let report = judge(&[BUSY_1, waits]).wait;
    let longest = report.longest_waiter.unwrap();
    assert_eq!((longest.pid, longest.comm.as_str()), (11, "eleven"));
    assert_eq!(longest.wait_start_ns, 99_000, "from the first event");
    assert_eq!(
        report.longest_wait_ns, 3_400_000,
        "through a change of mask"
    );
}

#[test]
fn short_idle_periods_do_not_add_up() {
    let mut trace = String::from("100 0 wakeup 10 120 1 ten\n");
    for k in 0..10 {
        let time = 200 + 900 * k;
        trace += &format!("{time} 0 switch 0 120 R 5 120 five\n");
        trace += &format!("{} 0 switch 5 120 S 0 120 swapper/0\n", time + 10);
    }
    assert_eq!(violations(&[BUSY_1, &trace, "9300 0 end"]), (0, 0));
}

#[test]
fn one_wait_is_one_violation_however_often_a_cpu_idled_long() {
    let wait = "100 0 wakeup 10 120 1 ten\n2000 0 switch 0 120 R 5 120 five\n\
                2010 0 switch 5 120 S 0 120 swapper/0\n5000 1 switch 6 120 S 10 120 ten\n6000 0 end";
    let report = judge(&[BUSY_1, wait]);
    assert_eq!(
        (report.wait.violations, report.wait.longest_ns),
        (1, 2_990_000)
    );
    assert_eq!(report.wait.worst.len(), 1);
}

#[test]
fn a_preempted_task_waits_too() {
    let wait = "100 1 switch 6 120 R 5 120 five\n2000 1 switch 5 120 S 6 120 six\n3000 0 end";
    assert_eq!(violations(&[BUSY_1, wait]), (0, 1));
}

#[test]
fn a_blocked_task_and_a_real_time_task_do_not_wait() {
    let sleeps = "100 1 switch 6 120 S 5 120 five\n9000 0 end";
    assert_eq!(violations(&[BUSY_1, sleeps]), (0, 0));
    let throttled = "100 1 switch 6 49 R 5 120 five\n9000 0 end";
    assert_eq!(violations(&[BUSY_1, throttled]), (0, 0));
}

#[test]
fn an_offline_cpu_does_not_idle() {
    let offline = "50 1 cpu-down 0\n100 1 wakeup 10 120 1 ten\n5000 1 switch 6 120 S 10 120 ten\n\
                   6000 1 end";
    assert_eq!(violations(&[BUSY_1, offline]), (0, 0));
    let dying = "50 1 cpu-down 0\n100 1 wakeup 10 120 1 ten\n\
                 200 0 switch 0 120 R 20 0 migration/0\n210 0 switch 20 0 S 0 120 swapper/0\n\
                 5000 1 switch 6 120 S 10 120 ten\n6000 1 end";
    assert_eq!(violations(&[BUSY_1, dying]), (0, 0));
    let back = "50 1 cpu-down 0\n100 1 wakeup 10 120 1 ten\n200 1 cpu-up 0\n\
                5000 1 switch 6 120 S 10 120 ten\n6000 1 end";
    assert_eq!(violations(&[BUSY_1, back]), (0, 1));
}

#[test]
fn a_task_killed_while_waiting_runs_to_exit_and_is_forgotten() {
    let killed = "100 0 wakeup 10 120 1 ten\n200 1 switch 6 120 S 10 120 ten\n201 1 exit 10\n\
                  300 1 switch 10 120 X 0 120 swapper/1\n9000 0 end";
    assert_eq!(violations(&[BUSY_1, killed]), (0, 0));
    let exit_only = "100 0 wakeup 10 120 1 ten\n200 1 exit 10\n9000 0 end";
    assert_eq!(
        violations(&[BUSY_1, exit_only]),
        (0, 0),
        "an exiting task runs"
    );
}

#[test]
fn a_woken_task_that_never_runs_is_found_at_the_end() {
    let lost = "100 0 wakeup 10 120 1 ten\n9000 0 end";
    let report = judge(&[BUSY_1, lost]);
    assert_eq!(
        (report.wait.violations, report.wait.longest_ns),
        (1, 8_900_000)
    );
}

#[test]
fn a_new_task_that_never_runs_is_found_and_bears_its_parents_name() {
    let report = judge(&[BUSY_1, "100 1 new 30 120 0-1\n9000 0 end"]);
    assert_eq!(report.wait.violations, 1);
    assert_eq!(report.wait.worst[0].comm, "six");
}

#[test]
fn a_task_that_runs_without_a_wake_up_is_no_trouble() {
    let run = "100 1 switch 6 120 S 10 120 ten\n300 1 switch 10 120 S 6 120 six\n9000 0 end";
    assert_eq!(violations(&[BUSY_1, run]), (0, 0));
}

#[test]
fn a_mask_change_while_queued_starts_the_overlap_anew() {
    // CPU 0 has idled for long, but 11 may use it only since 3000.
    let widened = "100 0 wakeup 11 120 1 eleven\n3000 0 allowed 11 set 0-1\n\
                   3900 1 switch 6 120 S 11 120 eleven\n5000 0 end";
    assert_eq!(violations(&[BUSY_1, widened]), (0, 0));
    let too_long = "100 0 wakeup 11 120 1 eleven\n3000 0 allowed 11 set 0-1\n\
                    4100 1 switch 6 120 S 11 120 eleven\n5000 0 end";
    let report = judge(&[BUSY_1, too_long]);
    assert_eq!(
        (report.wait.violations, report.wait.longest_ns),
        (1, 1_100_000)
    );
    assert_eq!(report.wait.worst[0].wait_start_ns, 99_000);
    // Nor does it inherit the time of tasks that had that mask before.
    let company = "50 0 wakeup 10 120 1 ten";
    assert_eq!(violations(&[BUSY_1, company, widened]), (0, 1), "10 only");
}

#[test]
fn a_task_starved_since_before_the_trace_is_found() {
    let starved = "task 12 120 R 0-1 twelve";
    let report = judge_tasks(starved, &[BUSY_1, "9000 0 end"]);
    assert_eq!((report.wait.violations, report.wait.worst[0].pid), (1, 12));
    // Runnable because it runs: 6 is switched in on CPU 1.
    let running = "task 6 120 R 0-1 six";
    assert_eq!(
        judge_tasks(running, &[BUSY_1, "9000 0 end"])
            .wait
            .violations,
        0
    );
}

#[test]
fn a_task_that_dies_before_all_is_known_does_not_wait() {
    let tasks = "task 12 120 R 0-1 twelve";
    let dies = "1 0 switch 5 120 S 0 120 swapper/0\n1 1 switch 6 120 S 12 120 twelve\n\
                2 1 exit 12\n3 1 switch 12 120 X 0 120 swapper/1\n4 0 ready\n9000 0 end";
    let report = judge_tasks(tasks, &[dies]);
    assert_eq!(
        (report.wait.violations, report.wait.longest_wait_ns),
        (0, 0)
    );
}

#[test]
fn wasted_time_counts_pairs_of_a_task_and_a_cpu_that_fit() {
    // Two tasks wait and one CPU idles for 500 us, then one waits for 300 us.
    let wait = "100 0 wakeup 10 120 1 ten\n100 0 wakeup 5 120 1 five\n\
                600 1 switch 6 120 S 5 120 five\n900 1 switch 5 120 S 10 120 ten\n1000 0 end";
    assert_eq!(judge(&[BUSY_1, wait]).wait.wasted_ns, 800_000);
}

// ---- events out of order, missing, ambiguous

#[test]
fn a_wake_up_recorded_after_the_run_it_caused_starts_no_wait() {
    let swapped = "100 1 switch 6 120 S 0 120 swapper/1\n200 1 switch 0 120 R 6 120 six\n\
                   210 1 switch 6 120 S 0 120 swapper/1\n220 0 wakeup 6 120 1 six\n9000 0 end";
    assert_eq!(violations(&[BUSY_1, swapped]), (0, 0));
    let real = "100 1 switch 6 120 S 0 120 swapper/1\n200 1 switch 0 120 R 6 120 six\n\
                210 1 switch 6 120 S 0 120 swapper/1\n300 0 wakeup 6 120 1 six\n9000 0 end";
    assert_eq!(violations(&[BUSY_1, real]), (0, 1));
}

#[test]
fn a_switch_out_recorded_after_the_next_switch_in_elsewhere_starts_no_wait() {
    let swapped =
        "100 0 switch 0 120 R 6 120 six\n101 1 switch 6 120 R 0 120 swapper/1\n9000 0 end";
    assert_eq!(violations(&[BUSY_1, swapped]), (0, 0));
    let and_asleep = "100 0 switch 0 120 R 6 120 six\n105 0 switch 6 120 S 0 120 swapper/0\n\
                      110 1 switch 6 120 R 0 120 swapper/1\n9000 0 end";
    assert_eq!(violations(&[BUSY_1, and_asleep]), (0, 0));
}

#[test]
fn time_that_goes_backwards_on_a_cpu_is_inconclusive() {
    let jump = "500 1 waking 10\n400 1 waking 10\n9000 0 end";
    assert_eq!(judge(&[QUIET, jump]).verdict, Verdict::Inconclusive);
    let jitter = "500 1 waking 10\n460 1 waking 10\n9000 0 end";
    assert_eq!(judge(&[QUIET, jitter]).verdict, Verdict::Ok);
}

#[test]
fn lost_events_or_an_unseen_cpu_are_never_a_clean_verdict() {
    let tasks = "lost CPU 1 lost 3 events";
    assert_eq!(
        judge_tasks(tasks, &[QUIET, "9000 0 end"]).verdict,
        Verdict::Inconclusive
    );
    let one_cpu = "1 0 switch 5 120 S 0 120 swapper/0\n2 0 ready\n9000 0 end";
    let report = judge(&[one_cpu]);
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.inconclusive[0].contains("CPU 1"));
    assert_eq!(
        judge(&[QUIET]).verdict,
        Verdict::Inconclusive,
        "no end mark"
    );
}

#[test]
fn a_violation_in_an_incomplete_trace_is_still_one() {
    let report = judge_tasks(
        "task 10 120 S 0-1 ten\nlost CPU 1 lost 3 events",
        &[BUSY_1, "100 0 wakeup 10 120 1 ten\n9000 0 end"],
    );
    assert_eq!(report.verdict, Verdict::Violated);
}

#[test]
fn a_task_woken_while_a_cpu_is_still_unknown_may_be_running_there() {
    let early = "1 0 switch 5 120 S 0 120 swapper/0\n2 0 ready\n\
                 3 0 wakeup 10 120 1 ten\n3000 1 switch 10 120 S 0 120 swapper/1\n9000 0 end";
    assert_eq!(violations(&[early]), (0, 0));
}

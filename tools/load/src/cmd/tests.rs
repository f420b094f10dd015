// SPDX-License-Identifier: GPL-2.0-only

use clap::{Args, Command};

use super::{affinity_churn, hogs, periodic, pingpong};

/// What clap says to `line` for a load whose arguments are `A`.
fn refused<A: Args>(line: &str) -> String {
    let words = std::iter::once("load").chain(line.split_whitespace());
    let parsed = A::augment_args(Command::new("load")).try_get_matches_from(words);
    parsed.map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn no_time_is_longer_than_an_hour() {
    for us in [3_600_000_001, 2_305_843_009_213_693_952, u64::MAX] {
        for told in [
            refused::<periodic::Args>(&format!("--period-us {us}")),
            refused::<periodic::Args>(&format!("--work-us {us}")),
            refused::<periodic::Args>(&format!("--surge-every 2 --surge-us {us}")),
            refused::<hogs::Args>(&format!("1 --yields --work-us {us}")),
            refused::<hogs::Args>(&format!("1 --work-us 1 --nap-us {us}")),
            refused::<pingpong::Args>(&format!("--work-us {us}")),
            refused::<affinity_churn::Args>(&format!("--every-us {us}")),
        ] {
            assert!(told.contains("is not in"), "{us}: {told}");
        }
    }
    let hour = refused::<periodic::Args>("--period-us 3600000000 --work-us 0");
    assert_eq!(hour, "");
}

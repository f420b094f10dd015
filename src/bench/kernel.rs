// SPDX-License-Identifier: GPL-2.0-only
//! What the kernel says of the scheduler that is loaded.

use std::fs;
use std::path::Path;

const FOLDER: &str = "/sys/kernel/sched_ext";

/// The name of the sched_ext scheduler that schedules now.
pub fn loaded() -> Option<String> {
    let read = |name: &str| {
        let text = fs::read_to_string(Path::new(FOLDER).join(name)).ok()?;
        Some(text.trim().to_owned())
    };
    match read("state")?.as_str() {
        "enabled" => read("root/ops").filter(|name| !name.is_empty()),
        _ => None,
    }
}

/// How often any sched_ext scheduler was started since the boot: whoever reads the same
/// twice had the same scheduler all the time.
pub fn starts() -> Option<u64> {
    let text = fs::read_to_string(Path::new(FOLDER).join("enable_seq")).ok()?;
    text.trim().parse().ok()
}

/// Whether the scheduler that is loaded leaves ordinary tasks to the default one.
pub fn is_partial() -> bool {
    fs::read_to_string(Path::new(FOLDER).join("switch_all")).is_ok_and(|it| it.trim() == "0")
}

/// Whether the default scheduler has all tasks and nobody is about to change that.
pub fn is_default() -> bool {
    match fs::read_to_string(Path::new(FOLDER).join("state")) {
        Ok(state) => state.trim() == "disabled",
        // A kernel without sched_ext has no other scheduler.
        Err(_) => true,
    }
}

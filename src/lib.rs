//! The agent of `scx_hallows`: pure logic that needs neither clang nor libbpf,
//! and, with the feature `bpf`, the part that loads and steers the scheduler.

pub mod agent;

// SPDX-License-Identifier: GPL-2.0-only
//! Unpacks the headers that the harness includes, and tells the tool how clang finds them.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=BPF_CLANG");
    // It unpacks the headers; the flags it keeps to itself.
    scx_cargo::BpfBuilder::new().expect("find clang: run `cargo xtask setup`, or set BPF_CLANG");
    let clang = scx_cargo::ClangInfo::new().expect("find clang");
    let mut flags = clang.determine_base_cflags().expect("ask clang for flags");
    let target = clang.kernel_target().expect("ask clang for its target");
    let headers = format!(
        "{}/scx_utils-bpf_h",
        env::var("OUT_DIR").expect("cargo sets OUT_DIR")
    );
    let libbpf = env::var("DEP_BPF_INCLUDE").expect("libbpf-sys tells where its headers are");
    flags.push(format!("-D__SCX_TARGET_ARCH_{target}"));
    flags.push(format!("-I{headers}/arch/{target}"));
    for folder in [headers.clone(), format!("{headers}/bpf-compat"), libbpf] {
        flags.push(format!("-I{folder}"));
    }
    println!("cargo:rustc-env=HALLOWS_TC_CLANG={}", clang.clang);
    println!("cargo:rustc-env=HALLOWS_TC_FLAGS={}", flags.join(" "));
}

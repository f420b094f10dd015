//! Compiles `src/bpf/main.bpf.c` to a skeleton and `src/bpf/intf.h` to Rust types.

fn main() {
    println!("cargo:rerun-if-changed=src/bpf");
    #[cfg(feature = "bpf")]
    bpf();
}

#[cfg(feature = "bpf")]
fn bpf() {
    scx_cargo::BpfBuilder::new()
        .expect("find clang: run `cargo xtask setup`, or set BPF_CLANG")
        .enable_intf("src/bpf/intf.h", "bpf_intf.rs")
        .enable_skel("src/bpf/main.bpf.c", "bpf")
        .build()
        .expect("compile src/bpf");
}

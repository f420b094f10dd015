//! Compiles `src/bpf/main.bpf.c` to a skeleton and `src/bpf/intf.h` to Rust types.
//!
//! Flags in `HALLOWS_BPF_CFLAGS` are added to clang's: docs/layout.md.

fn main() {
    println!("cargo:rerun-if-changed=src/bpf");
    #[cfg(feature = "bpf")]
    bpf();
}

#[cfg(feature = "bpf")]
fn bpf() {
    // The flags may load a plugin, which goes by the others.
    for name in ["HALLOWS_BPF_CFLAGS", "HALLOWS_PASS", "HALLOWS_KEEP"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let mut builder = scx_cargo::BpfBuilder::new()
        .expect("find clang: run `cargo xtask setup`, or set BPF_CLANG");
    let flags = std::env::var("HALLOWS_BPF_CFLAGS").unwrap_or_default();
    for flag in flags.split_whitespace() {
        builder.add_cflag(flag);
    }
    builder
        .enable_intf("src/bpf/intf.h", "bpf_intf.rs")
        .enable_skel("src/bpf/main.bpf.c", "bpf")
        .build()
        .expect("compile src/bpf");
    // By it two builds of the agent know that they have the same BPF half.
    let folder = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let object = std::path::Path::new(&folder).join("bpf.bpf.o");
    let object = std::fs::read(object).expect("read the compiled object");
    let crc = crc32fast::hash(&object);
    println!("cargo:rustc-env=HALLOWS_BPF_BUILD={crc:08x}");
}

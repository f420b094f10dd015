//! Compiles `src/bpf/main.bpf.c` to a skeleton and `src/bpf/intf.h` to Rust types.
//!
//! Flags in `HALLOWS_BPF_CFLAGS` are added to clang's. An object of the same source that
//! `HALLOWS_BPF_LAID_OUT` names is built in beside the one that is compiled here:
//! docs/layout.md.

fn main() {
    println!("cargo:rerun-if-changed=src/bpf");
    #[cfg(feature = "bpf")]
    bpf::build();
}

#[cfg(feature = "bpf")]
mod bpf {
    use std::path::Path;
    use std::{env, fs};

    use libbpf_cargo::SkeletonBuilder;

    pub fn build() {
        // The flags may load a plugin, which goes by the others.
        for name in ["CFLAGS", "LAID_OUT"] {
            println!("cargo:rerun-if-env-changed=HALLOWS_BPF_{name}");
        }
        for name in ["HALLOWS_PASS", "HALLOWS_KEEP"] {
            println!("cargo:rerun-if-env-changed={name}");
        }
        let mut builder = scx_cargo::BpfBuilder::new()
            .expect("find clang: run `cargo xtask setup`, or set BPF_CLANG");
        let flags = env::var("HALLOWS_BPF_CFLAGS").unwrap_or_default();
        for flag in flags.split_whitespace() {
            builder.add_cflag(flag);
        }
        builder
            .enable_intf("src/bpf/intf.h", "bpf_intf.rs")
            .enable_skel("src/bpf/main.bpf.c", "bpf")
            .build()
            .expect("compile src/bpf");
        let folder = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
        let folder = Path::new(&folder);
        let skeleton = folder.join("bpf_skel.rs");
        let text = fs::read_to_string(&skeleton).expect("read the skeleton");
        let laid_out = laid_out(folder, &text);
        fs::write(folder.join("laid_out.bpf.o"), &laid_out).expect("keep the second object");
        fs::write(&skeleton, choosing(&text)).expect("write the skeleton");
        // By it two builds of the agent know that they have the same BPF half.
        let mut crc = crc32fast::Hasher::new();
        crc.update(&fs::read(folder.join("bpf.bpf.o")).expect("read the compiled object"));
        crc.update(&laid_out);
        println!("cargo:rustc-env=HALLOWS_BPF_BUILD={:08x}", crc.finalize());
    }

    /// The second object, which the skeleton of the first has to fit; nothing if there is
    /// to be none.
    fn laid_out(folder: &Path, skeleton: &str) -> Vec<u8> {
        let Some(given) = env::var_os("HALLOWS_BPF_LAID_OUT").filter(|it| !it.is_empty()) else {
            return Vec::new();
        };
        println!("cargo:rerun-if-changed={}", Path::new(&given).display());
        let object = fs::read(&given).expect("read HALLOWS_BPF_LAID_OUT");
        // Names in a skeleton come from the file's.
        let other = folder.join("laid_out");
        fs::create_dir_all(&other).expect("make a folder");
        fs::write(other.join("bpf.bpf.o"), &object).expect("copy the second object");
        SkeletonBuilder::new()
            .obj(other.join("bpf.bpf.o"))
            .rustfmt("disable_rustfmt")
            .reference_obj(true)
            .generate(other.join("bpf_skel.rs"))
            .expect("read the second object");
        let its = fs::read_to_string(other.join("bpf_skel.rs")).expect("read its skeleton");
        assert!(
            items(&its) == items(skeleton),
            "HALLOWS_BPF_LAID_OUT has other maps or variables: it is of another source"
        );
        object
    }

    /// What a skeleton consists of, but for the line that says where its object is and how
    /// large, in an order that is not clang's: that of types goes by where code lies.
    fn items(skeleton: &str) -> Vec<String> {
        let lines = skeleton
            .lines()
            .filter(|line| !line.contains("include_bytes!"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let mut items: Vec<String> = text.split("\n}").map(|it| it.trim().to_owned()).collect();
        items.sort_unstable();
        items
    }

    /// The skeleton, which opens the object that the agent has chosen.
    fn choosing(skeleton: &str) -> String {
        let opens = "ObjectSkeletonConfigBuilder::new(&DATA)";
        assert_eq!(
            skeleton.matches(opens).count(),
            1,
            "a skeleton of another kind"
        );
        skeleton.replace(
            opens,
            "ObjectSkeletonConfigBuilder::new(crate::objects::chosen(&DATA))",
        )
    }
}

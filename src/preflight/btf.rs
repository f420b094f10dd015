// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's type information (BTF), and the functions of the kernel that
//! the BPF side calls (kfuncs), which libbpf finds by it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use libbpf_rs::ReferencesType;
use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Func, FuncProto};

use super::verdict::Verdict;

/// What `src/bpf` calls: of each line one has to be there, as kernels renamed
/// some. What it can do without is not here.
const NEEDED: &[&[&str]] = &[
    &["scx_bpf_create_dsq"],
    &["scx_bpf_dsq_insert", "scx_bpf_dispatch"],
    &[
        "__scx_bpf_dsq_insert_vtime",
        "scx_bpf_dsq_insert_vtime",
        "scx_bpf_dispatch_vtime",
    ],
    &["scx_bpf_dsq_move_to_local", "scx_bpf_consume"],
    &["scx_bpf_dsq_nr_queued"],
    &["scx_bpf_kick_cpu"],
    &["scx_bpf_exit_bstr"],
    &["scx_bpf_task_cpu"],
    &["scx_bpf_cpu_curr", "scx_bpf_cpu_rq"],
    &["scx_bpf_pick_idle_cpu"],
    &["scx_bpf_test_and_clear_cpu_idle"],
    &["scx_bpf_get_idle_cpumask"],
    &["scx_bpf_get_idle_smtmask"],
    &["scx_bpf_put_idle_cpumask"],
    &["bpf_iter_scx_dsq_new"],
    &["bpf_iter_scx_dsq_next"],
    &["bpf_iter_scx_dsq_destroy"],
    &["bpf_cpumask_create"],
    &["bpf_cpumask_release"],
    &["bpf_cpumask_set_cpu"],
    &["bpf_cpumask_clear_cpu"],
    &["bpf_cpumask_test_cpu"],
    &["bpf_cpumask_and"],
    &["bpf_cpumask_any_distribute"],
    &["bpf_cpumask_subset"],
    &["bpf_cpumask_intersects"],
    &["bpf_cgroup_ancestor"],
    &["bpf_cgroup_release"],
    &["bpf_iter_num_new"],
    &["bpf_iter_num_next"],
    &["bpf_iter_num_destroy"],
    &["bpf_rcu_read_lock"],
    &["bpf_rcu_read_unlock"],
];

/// The functions of [`NEEDED`] that a kernel has, with their parameters.
#[derive(Debug, Default)]
pub struct Kfuncs(BTreeMap<String, Vec<String>>);

impl Kfuncs {
    /// Those in the type information in the file at `path`.
    ///
    /// # Errors
    /// It can't be read, or is none.
    pub fn read(path: &Path) -> Result<Kfuncs> {
        let btf = Btf::from_path(path).context("cannot read it")?;
        let mut kfuncs = Kfuncs::default();
        for function in btf.type_by_kind::<Func<'_>>() {
            let Some(name) = function.name().and_then(|name| name.to_str()) else {
                continue;
            };
            if !NEEDED.iter().any(|names| names.contains(&name)) {
                continue;
            }
            let proto = btf.type_by_id::<FuncProto<'_>>(function.referenced_type_id());
            let parameters = proto.iter().flat_map(|proto| proto.iter());
            let names = parameters
                .filter_map(|parameter| Some(parameter.name?.to_str()?.to_owned()))
                .collect();
            kfuncs.0.insert(name.to_owned(), names);
        }
        Ok(kfuncs)
    }

    /// Alternatives of which none is there, by their newest name.
    fn missing(&self) -> Vec<&'static str> {
        let lacking = NEEDED
            .iter()
            .filter(|names| !names.iter().any(|name| self.0.contains_key(*name)));
        lacking.map(|names| names[0]).collect()
    }

    /// Those whose public prototype has the argument that the kernel adds by
    /// itself. pahole before 1.26 forgot to hide it, and libbpf then finds the
    /// prototype incompatible.
    fn malformed(&self) -> Vec<&str> {
        let bad = self
            .0
            .iter()
            .filter(|(_, parameters)| parameters.iter().any(|name| name == "aux"));
        bad.map(|(name, _)| name.as_str()).collect()
    }
}

/// Whether there is type information, and without the known fault.
pub fn whole(kfuncs: Option<Result<&Kfuncs, &str>>) -> Verdict {
    let kfuncs = match kfuncs {
        None => {
            return Verdict::unavailable(
                "the kernel has no type information at /sys/kernel/btf/vmlinux",
                "boot one built with CONFIG_DEBUG_INFO_BTF=y",
            );
        }
        Some(Err(error)) => {
            return Verdict::unavailable(
                format!("the kernel's type information, /sys/kernel/btf/vmlinux: {error}"),
                "boot one built with CONFIG_DEBUG_INFO_BTF=y and pahole 1.26 or newer",
            );
        }
        Some(Ok(kfuncs)) => kfuncs,
    };
    let malformed = kfuncs.malformed();
    if malformed.is_empty() {
        return Verdict::Ok("the kernel's type information is there and whole".into());
    }
    Verdict::unavailable(
        format!(
            "the kernel's type information is malformed, as pahole before 1.26 makes it: {}",
            listed(&malformed)
        ),
        "boot a kernel built with pahole 1.26 or newer",
    )
}

/// Whether the kernel has the functions that BPF calls.
pub fn functions(kfuncs: Option<Result<&Kfuncs, &str>>) -> Verdict {
    let Some(Ok(kfuncs)) = kfuncs else {
        return Verdict::warning(
            "no kernel function can be looked for without type information",
            "see btf",
        );
    };
    let missing = kfuncs.missing();
    if missing.is_empty() {
        return Verdict::Ok(format!("all {} that are needed are there", NEEDED.len()));
    }
    Verdict::unavailable(
        format!("the kernel lacks {}", listed(&missing)),
        "boot Linux 6.16 or newer, built with CONFIG_SCHED_CLASS_EXT=y and CONFIG_CGROUPS=y",
    )
}

/// The first few of these names, and how many more there are.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
pub(super) mod testing {
    use super::NEEDED;

    /// A function and its parameters.
    pub type Prototype<'a> = (&'a str, &'a [&'a str]);

    /// What a kernel has that lacks nothing.
    pub fn good() -> Vec<Prototype<'static>> {
        NEEDED
            .iter()
            .map(|names| (names[0], &["p"] as &[_]))
            .collect()
    }

    /// Type information of these functions, as in `linux/btf.h`.
    pub fn encode(functions: &[Prototype<'_>]) -> Vec<u8> {
        const INT: u32 = 1;
        const FUNC: u32 = 12;
        const FUNC_PROTO: u32 = 13;
        let mut strings = vec![0];
        let mut string = |text: &str| {
            let at = strings.len() as u32;
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at
        };
        let mut types = vec![string("int"), INT << 24, 4, 32];
        for (index, (name, parameters)) in functions.iter().enumerate() {
            types.extend([0, FUNC_PROTO << 24 | parameters.len() as u32, 1]);
            for parameter in *parameters {
                types.extend([string(parameter), 1]);
            }
            let proto = 2 + 2 * index as u32;
            types.extend([string(name), FUNC << 24, proto]);
        }
        let lengths = [types.len() as u32 * 4, strings.len() as u32];
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, lengths[0], lengths[0], lengths[1]]
            .into_iter()
            .chain(types)
        {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(strings);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use libbpf_rs::btf::types::Linkage;

    use super::*;

    /// Called where they exist; the scheduler does without them elsewhere.
    const OPTIONAL: [&str; 10] = [
        "scx_bpf_cpu_node",
        "scx_bpf_dispatch_from_dsq",
        "scx_bpf_dsq_move",
        "scx_bpf_dsq_peek",
        "scx_bpf_dsq_reenq",
        "scx_bpf_dump_bstr",
        "scx_bpf_now",
        "scx_bpf_reenqueue_local",
        "scx_bpf_task_cgroup",
        "scx_bpf_task_set_slice",
    ];

    #[test]
    fn long_lists_are_cut_short() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }

    #[test]
    fn what_the_object_calls_is_known() {
        let btf = Btf::from_path(concat!(env!("OUT_DIR"), "/bpf.bpf.o")).unwrap();
        let mut called: Vec<_> = btf
            .type_by_kind::<Func<'_>>()
            .filter(|function| function.linkage() == Linkage::Extern)
            .map(|function| function.name().unwrap().to_str().unwrap().to_owned())
            .map(|name| name.split("___").next().unwrap().to_owned())
            .collect();
        called.sort();
        called.dedup();
        let known = |name: &str| NEEDED.iter().any(|names| names.contains(&name));
        for name in &called {
            assert!(known(name) || OPTIONAL.contains(&name.as_str()), "{name}");
        }
        for name in NEEDED.iter().flat_map(|names| names.iter()) {
            assert!(called.iter().any(|it| it == name), "{name} is not called");
        }
    }
}

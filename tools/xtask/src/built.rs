// SPDX-License-Identifier: GPL-2.0-only
//! What cargo says of its builds, with `--message-format=json`.

use std::path::PathBuf;

use serde_json::Value;

/// The scheduler's BPF object, from what cargo says of a build: a JSON object a line.
pub fn object(built: &str) -> Option<PathBuf> {
    let message = script(built, "scx_hallows")?;
    Some(PathBuf::from(message["out_dir"].as_str()?).join("bpf.bpf.o"))
}

/// What the build script of `name` has the compiler find in its environment.
pub fn variable(built: &str, name: &str, variable: &str) -> Option<String> {
    let message = script(built, name)?;
    let mut variables = message["env"].as_array()?.iter();
    let found = variables.find(|pair| pair[0] == variable)?;
    found[1].as_str().map(str::to_owned)
}

/// What cargo says of a package's build script.
fn script(built: &str, name: &str) -> Option<Value> {
    built
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(|message: &Value| {
            message["reason"] == "build-script-executed"
                && message["package_id"].as_str().and_then(package) == Some(name)
        })
}

/// The package's name in an id of cargo's, `SOURCE#NAME@VERSION`, or `FOLDER#VERSION`
/// where the folder is called like the package.
fn package(id: &str) -> Option<&str> {
    let (source, rest) = id.rsplit_once('#')?;
    match rest.split_once('@') {
        Some((name, _)) => Some(name),
        None => source.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{object, package, variable};

    #[test]
    fn cargo_says_where_the_object_is() {
        let other = r#"{"reason":"build-script-executed","package_id":"registry+x#libc@0.2","out_dir":"/l"}"#;
        let ours = r#"{"reason":"build-script-executed","package_id":"path+file:///x#scx_hallows@0.1.0","out_dir":"/o"}"#;
        let built = format!("no JSON\n{other}\n{ours}\n");
        assert_eq!(object(&built), Some(PathBuf::from("/o/bpf.bpf.o")));
        assert_eq!(object(other), None);
    }

    #[test]
    fn cargo_says_what_a_build_script_tells_the_compiler() {
        let built = r#"{"reason":"build-script-executed","package_id":"path+file:///x#tc@0.1.0","env":[["A","1"],["B","2 3"]]}"#;
        assert_eq!(variable(built, "tc", "B").as_deref(), Some("2 3"));
        assert_eq!(variable(built, "tc", "C"), None);
        assert_eq!(variable(built, "other", "B"), None);
    }

    #[test]
    fn a_checkout_may_be_called_like_the_package() {
        assert_eq!(
            package("path+file:///home/u/scx_hallows#0.1.0"),
            Some("scx_hallows")
        );
        assert_eq!(
            package("path+file:///work#scx_hallows@0.1.0"),
            Some("scx_hallows")
        );
        assert_eq!(
            package("path+file:///u/scx_hallows#hallows-load@0.1.0"),
            Some("hallows-load")
        );
    }
}

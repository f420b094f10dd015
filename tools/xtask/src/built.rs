// SPDX-License-Identifier: GPL-2.0-only
//! What cargo says of its builds, with `--message-format=json`.

use std::path::PathBuf;

use serde_json::Value;

/// The scheduler's BPF object, from what cargo says of a build: a JSON object a line.
pub fn object(built: &str) -> Option<PathBuf> {
    let is_ours = |message: &Value| {
        message["reason"] == "build-script-executed"
            && message["package_id"].as_str().and_then(package) == Some("scx_hallows")
    };
    let mut messages = built
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let message: Value = messages.find(is_ours)?;
    Some(PathBuf::from(message["out_dir"].as_str()?).join("bpf.bpf.o"))
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

    use super::{object, package};

    #[test]
    fn cargo_says_where_the_object_is() {
        let other = r#"{"reason":"build-script-executed","package_id":"registry+x#libc@0.2","out_dir":"/l"}"#;
        let ours = r#"{"reason":"build-script-executed","package_id":"path+file:///x#scx_hallows@0.1.0","out_dir":"/o"}"#;
        let built = format!("no JSON\n{other}\n{ours}\n");
        assert_eq!(object(&built), Some(PathBuf::from("/o/bpf.bpf.o")));
        assert_eq!(object(other), None);
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

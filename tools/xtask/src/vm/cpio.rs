// SPDX-License-Identifier: GPL-2.0-only
//! Archives in the format that the kernel unpacks an initramfs from: cpio
//! "newc" (Documentation/driver-api/early-userspace/buffer-format.rst of Linux).

use std::collections::BTreeMap;

const DIRECTORY: u32 = 0o040_755;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_777;

/// A tree of files, by path without the leading slash.
#[derive(Default)]
pub struct Tree {
    // Sorted, so that a folder comes before what it holds.
    nodes: BTreeMap<String, Node>,
}

struct Node {
    mode: u32,
    data: Vec<u8>,
}

impl Tree {
    /// Adds a folder and those above it.
    pub fn folder(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.add(&path[..at], DIRECTORY, Vec::new());
        }
        self.add(path, DIRECTORY, Vec::new());
    }

    /// Adds a file and the folders above it. `mode` holds permission bits only.
    pub fn file(&mut self, path: &str, mode: u32, data: Vec<u8>) {
        self.parents(path);
        self.nodes.insert(
            path.into(),
            Node {
                mode: REGULAR | mode,
                data,
            },
        );
    }

    /// Adds a symbolic link and the folders above it.
    pub fn symlink(&mut self, path: &str, target: &str) {
        self.parents(path);
        self.add(path, SYMLINK, target.as_bytes().to_vec());
    }

    /// Whether there is something at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// The archive. Its length is a multiple of four bytes, so that another one
    /// can follow.
    pub fn archive(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (inode, (path, node)) in (1..).zip(&self.nodes) {
            entry(&mut out, inode, path, node);
        }
        entry(
            &mut out,
            0,
            "TRAILER!!!",
            &Node {
                mode: 0,
                data: Vec::new(),
            },
        );
        out
    }

    fn parents(&mut self, path: &str) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder);
        }
    }

    fn add(&mut self, path: &str, mode: u32, data: Vec<u8>) {
        self.nodes.entry(path.into()).or_insert(Node { mode, data });
    }
}

fn entry(out: &mut Vec<u8>, inode: u32, path: &str, node: &Node) {
    let sizes = (node.data.len(), path.len() + 1);
    let (mode, zero, links) = (node.mode, 0, 1);
    // Owner, group, time and the four device numbers are 0, as is the checksum.
    let header = format!(
        "070701{inode:08x}{mode:08x}{zero:08x}{zero:08x}{links:08x}{zero:08x}{:08x}\
         {zero:08x}{zero:08x}{zero:08x}{zero:08x}{:08x}{zero:08x}",
        sizes.0, sizes.1
    );
    out.extend(header.as_bytes());
    out.extend(path.as_bytes());
    out.push(0);
    pad(out);
    out.extend(&node.data);
    pad(out);
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn an_entry_is_a_header_a_name_and_data() {
        let mut tree = Tree::default();
        tree.file("a/b", 0o644, b"12345".to_vec());
        let archive = tree.archive();
        let text = String::from_utf8_lossy(&archive);
        // "a": 110 bytes of header and 2 of name; then "a/b".
        assert_eq!(&text[..22], "07070100000001000041ed");
        assert_eq!(&text[112..134], "07070100000002000081a4");
        assert_eq!(&text[112 + 54..112 + 62], "00000005");
        assert_eq!(&text[112 + 94..112 + 102], "00000004");
        assert_eq!(&text[222..226], "a/b\0");
        assert_eq!(&text[228..236], "12345\0\0\0");
        assert!(
            text[236..].starts_with("070701")
                && text.trim_end_matches('\0').ends_with("TRAILER!!!")
        );
        assert_eq!(archive.len() % 4, 0);
    }

    #[test]
    fn folders_come_first_and_once() {
        let mut tree = Tree::default();
        tree.file("usr/bin/x", 0o755, Vec::new());
        tree.symlink("usr/lib", "lib64");
        tree.folder("usr/bin");
        assert_eq!(
            tree.nodes.keys().collect::<Vec<_>>(),
            ["usr", "usr/bin", "usr/bin/x", "usr/lib"]
        );
        assert!(tree.has("usr") && !tree.has("bin"));
    }
}

// SPDX-License-Identifier: GPL-2.0-only
//! What a guest's script prints for the host to read: sections between marks.

/// What a script printed between two lines that begin with `===`.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// The word after the first of them.
    pub name: String,
    /// The lines between them.
    pub text: String,
}

/// All of them, in their order. One that has no end goes to the end of `output`.
pub fn sections(output: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut open = false;
    for line in output.lines().map(str::trim_end) {
        match line.strip_prefix("===").map(str::trim) {
            Some("") => open = false,
            Some(name) => {
                sections.push(Section {
                    name: name.to_owned(),
                    text: String::new(),
                });
                open = true;
            }
            None => {
                if let Some(section) = sections.last_mut().filter(|_| open) {
                    section.text += line;
                    section.text.push('\n');
                }
            }
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::{Section, sections};

    #[test]
    fn sections_are_what_lies_between_marks() {
        let found =
            sections("ok: x\r\n=== plain\r\nf 1\r\ng 2\r\n===\r\nok: y\r\n=== other\nf 3\n===\n");
        let section = |name: &str, text: &str| Section {
            name: name.into(),
            text: text.into(),
        };
        assert_eq!(
            found,
            [section("plain", "f 1\ng 2\n"), section("other", "f 3\n")]
        );
    }
}

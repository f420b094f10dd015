// SPDX-License-Identifier: GPL-2.0-only
//! The parameters of a running scheduler, across its restarts.

use hallows_lockfree::hp::{Publisher, Reader, snapshot};

use super::change::{Change, Setting, change, changes};
use super::sources::Sources;
use crate::agent::params::Params;
use crate::exit::Error;

/// The parameters that hold, and where they came from.
///
/// Other threads read them as they are at any time, without asking the one that steers.
#[derive(Debug)]
pub struct Live {
    sources: Sources,
    params: Publisher<Params>,
}

impl Live {
    /// What `sources` say now.
    ///
    /// # Errors
    /// Those of [`Sources::load`].
    pub fn start(sources: Sources) -> Result<Live, Error> {
        let (params, _) = snapshot(sources.load()?);
        Ok(Live { sources, params })
    }

    /// The parameters that hold; they are valid.
    pub fn params(&self) -> &Params {
        self.params.current()
    }

    /// The parameters that hold, for another thread.
    pub fn reader(&self) -> Reader<Params> {
        self.params.reader()
    }

    /// Changes all of `settings`, or nothing.
    ///
    /// # Errors
    /// One line that says what would do.
    pub fn set(&mut self, settings: &[Setting]) -> Result<Vec<Change>, String> {
        let (params, changes) = change(self.params(), settings)?;
        self.params.publish(params);
        Ok(changes)
    }

    /// Takes up what the sources say now, which undoes what [`set`](Self::set)
    /// did, and returns what differs.
    ///
    /// # Errors
    /// Those of [`Sources::load`]; then nothing changes.
    pub fn reload(&mut self) -> Result<Vec<Change>, Error> {
        let params = self.sources.load()?;
        let changes = changes(self.params(), &params);
        self.params.publish(params);
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::change::setting;
    use std::fs;
    use std::path::PathBuf;

    /// A file of the test's own, removed at its end.
    struct File(PathBuf);

    impl Drop for File {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    impl File {
        fn write(&self, text: &str) {
            fs::write(&self.0, text).unwrap();
        }
    }

    /// Parameters from a file named after `test`, and a flag.
    fn live(test: &str, text: &str) -> (File, Live) {
        let name = format!("hallows-live-{}-{test}.toml", std::process::id());
        let file = File(std::env::temp_dir().join(name));
        file.write(text);
        let flags = vec![setting("kappa", "3").unwrap()];
        let live = Live::start(Sources::new(Some(file.0.clone()), flags)).unwrap();
        (file, live)
    }

    fn told(changes: &[Change]) -> Vec<String> {
        changes.iter().map(Change::to_string).collect()
    }

    #[test]
    fn reload_takes_the_file_up_and_keeps_flags() {
        let (file, mut live) = live("reload", "dwell = 7");
        assert_eq!((live.params().dwell, live.params().kappa), (7, 3.0));
        live.set(&[
            setting("kappa", "4").unwrap(),
            setting("period_ms", "20").unwrap(),
        ])
        .unwrap();
        file.write("dwell = 8\nkappa = 5");
        assert_eq!(
            told(&live.reload().unwrap()),
            ["dwell 7 -> 8", "period_ms 20 -> 10", "kappa 4 -> 3"]
        );
        assert!(live.reload().unwrap().is_empty());
        assert_eq!(live.reader().load(), live.params());
    }

    #[test]
    fn a_bad_file_keeps_the_old_values() {
        let (file, mut live) = live("bad", "dwell = 7");
        let before = *live.params();
        for bad in [
            "dwell = 8\nkapp = 1",
            "dwell = 0",
            "dwell",
            "slice_us = 100",
        ] {
            file.write(bad);
            assert_eq!(live.reload().unwrap_err().code(), 2, "{bad}");
            assert_eq!(*live.params(), before);
        }
        fs::remove_file(&file.0).unwrap();
        assert!(live.reload().is_err());
        assert_eq!(*live.params(), before);
    }

    #[test]
    fn a_bad_setting_keeps_the_old_values() {
        let (_file, mut live) = live("set", "");
        let (before, mut reader) = (*live.params(), live.reader());
        let settings = [
            setting("dwell", "9").unwrap(),
            setting("slice_us", "100").unwrap(),
        ];
        assert!(live.set(&settings).is_err());
        assert_eq!((*live.params(), *reader.load()), (before, before));
        live.set(&settings[..1]).unwrap();
        assert_eq!(reader.load().dwell, 9);
    }
}

// SPDX-License-Identifier: GPL-2.0-only
//! Which kernel boots, and its configuration, which libbpf wants in the guest
//! as `/boot/config-RELEASE` before it loads a scheduler.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::paths;
use crate::setup::kernels;

/// A kernel on this machine.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// A bzImage or an ELF vmlinux.
    pub image: PathBuf,
    /// Its configuration, where that was found.
    pub config: Option<PathBuf>,
    /// The release, or else the file's name.
    pub name: String,
}

impl Kernel {
    /// The kernel that `--kernel` names: a file when there is a slash in it,
    /// else a series, whose kernel is fetched when the cache has none.
    ///
    /// # Errors
    /// When there is no such file, when the text is neither a file nor a series,
    /// or when the kernel cannot be fetched.
    pub fn resolve(text: &str) -> Result<Self> {
        if is_file(text) {
            let image = Path::new(text);
            if !image.is_file() {
                bail!("no kernel at {text}");
            }
            return Ok(Self::at(image));
        }
        if text.is_empty() || !text.split('.').all(|part| part.parse::<u32>().is_ok()) {
            bail!("{text:?} is no kernel series like 6.18; a file's name has a slash: ./vmlinuz");
        }
        let _lock = paths::lock_cache()?;
        Ok(Self::at(&kernels::ensure(text)?))
    }

    fn at(image: &Path) -> Self {
        let file = image
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let name = file
            .strip_prefix("vmlinuz-")
            .or(file.strip_prefix("vmlinux-"))
            .unwrap_or(&file);
        let config = format!("config-{name}");
        let places = [
            image.with_file_name(&config),
            Path::new("/boot").join(&config),
            image.with_file_name("config"),
        ];
        Self {
            image: image.into(),
            config: places.into_iter().find(|place| place.is_file()),
            name: name.into(),
        }
    }
}

/// Whether `--kernel` names a file and not a series.
pub fn is_file(text: &str) -> bool {
    text.contains('/')
}

// SPDX-License-Identifier: GPL-2.0-only
//! The machines of the lab: a topology and its number of CPUs.

use std::str::FromStr;

use anyhow::{Context, Error, Result};

use crate::vm::topology::Topology;

/// A topology as the command line names it: `flat:4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(pub Topology);

impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, cpus) = text
            .split_once(':')
            .context("a topology and its CPUs: flat:4")?;
        let cpus = cpus.parse().context("a number of CPUs follows: flat:4")?;
        Ok(Shape(Topology::new(name, Some(cpus))?))
    }
}

impl Shape {
    /// The folder of what is measured on it under a kernel.
    pub fn folder(&self, kernel: &str) -> String {
        // A kernel may be a file.
        let kernel = kernel.rsplit('/').next().unwrap_or(kernel);
        format!("{kernel}-{}-{}", self.0.name(), self.0.cpus())
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn machines_have_names() {
        let shape: Shape = "numa2llc2:8".parse().unwrap();
        assert_eq!(shape.folder("6.18"), "6.18-numa2llc2-8");
        assert_eq!(shape.folder("/boot/vmlinuz-7"), "vmlinuz-7-numa2llc2-8");
        for wrong in ["flat", "flat:", "flat:x", "round:4", "llc2:3"] {
            assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
        }
    }
}

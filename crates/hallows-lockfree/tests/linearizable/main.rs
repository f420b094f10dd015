// SPDX-License-Identifier: GPL-2.0-only
//! Histories of real runs, checked: for each there is an order of its operations that
//! keeps to time and that the sequential object would have answered the same.
#![cfg(not(any(loom, miri)))]

mod combine;
mod history;
mod mpsc;

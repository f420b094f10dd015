// SPDX-License-Identifier: GPL-2.0-only
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Wake, Waker};

use hallows_lockfree::combine::WakerCell;
use loom::sync::atomic::AtomicBool;
use loom::thread;

use crate::explore;

/// A waker that passes nothing on.
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Of two who wake at once, each is seen by who has left a waker, or that waker is called.
#[test]
fn nobody_wakes_in_vain() {
    explore(3, || {
        let cell = loom::sync::Arc::new(WakerCell::default());
        let news = loom::sync::Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let others = [0, 1].map(|it| {
            let (cell, news) = (cell.clone(), news.clone());
            thread::spawn(move || {
                news[it].store(true, Ordering::Relaxed);
                cell.wake();
            })
        });
        let bell = Arc::new(Bell(AtomicBool::new(false)));
        cell.leave(&Waker::from(bell.clone()));
        let seen = [0, 1].map(|it| news[it].load(Ordering::Relaxed));
        others.map(|other| other.join().unwrap());
        assert!(bell.0.load(Ordering::Relaxed) || seen == [true, true]);
    });
}

// SPDX-License-Identifier: GPL-2.0-only
//! Collectors: the participants, and what they retired.

use std::fmt;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;

use super::grace::Grace;
use super::hold::Hazard;
use super::participant::Participant;
use super::policy::Policy;
use crate::fence::Fence;
use crate::garbage::{self, Header, Stack};
use crate::registry::Registry;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Participants and the values that they may have references to.
///
/// A clone is another handle of the same collector; cells, participants, hazards and
/// [`Unlinked`] are handles too. When the last one goes, what is still pending is freed there.
///
/// A retired value that itself has a handle of its collector, as links of a chain do, keeps
/// the collector: [`collect`](Collector::collect) until nothing is pending before the last
/// other handle goes, or both are leaked.
///
/// [`Unlinked`]: super::Unlinked
#[derive(Clone)]
pub struct Collector {
    pub(super) shared: Arc<Shared>,
}

/// What the handles share.
pub(super) struct Shared {
    pub(super) fence: Fence,
    pub(super) policy: Policy,
    born: Instant,
    /// Grows by one with each grace period, from 1.
    pub(super) epoch: CachePadded<AtomicU64>,
    pub(super) participants: Registry<Slot>,
    /// The address of the value that each hazard holds, null: none.
    pub(super) hazards: Registry<AtomicPtr<Header>>,
    pub(super) garbage: CachePadded<Garbage>,
    pub(super) grace: CachePadded<Grace>,
}

/// What a participant tells.
pub(super) struct Slot {
    /// The epoch that it found when it pinned, 0: not pinned.
    pub(super) epoch: AtomicU64,
    /// Id of the thread that registered.
    pub(super) thread: AtomicU32,
}

/// What was retired.
pub(super) struct Garbage {
    pub(super) stack: Stack,
    /// Values retired and not freed, with those that are about to be retired.
    pending: AtomicUsize,
    /// Their size.
    pub(super) bytes: AtomicUsize,
}

impl Default for Collector {
    fn default() -> Collector {
        Collector::new(Policy::default())
    }
}

impl Collector {
    /// A collector with [`Fence::auto`].
    ///
    /// # Panics
    /// When the policy contradicts itself.
    pub fn new(policy: Policy) -> Collector {
        Collector::with_fence(policy, Fence::auto())
    }

    /// A collector whose participants run `fence`'s light side when they pin.
    ///
    /// # Panics
    /// When the policy contradicts itself.
    pub fn with_fence(policy: Policy, fence: Fence) -> Collector {
        policy.check();
        Collector {
            shared: Arc::new(Shared {
                fence,
                policy,
                born: Instant::now(),
                epoch: CachePadded::new(AtomicU64::new(1)),
                participants: Registry::new(),
                hazards: Registry::new(),
                garbage: CachePadded::new(Garbage {
                    stack: Stack::new(),
                    pending: AtomicUsize::new(0),
                    bytes: AtomicUsize::new(0),
                }),
                grace: CachePadded::new(Grace::new(policy.min_bytes)),
            }),
        }
    }

    /// Registers the calling thread: O(participants). Keep what it returns.
    pub fn register(&self) -> Participant {
        Participant::new(self.clone())
    }

    /// A hazard that holds nothing yet: O(hazards), and an allocation when it finds none that
    /// was given up. Keep it rather than asking anew.
    pub fn hazard(&self) -> Hazard {
        Hazard::new(self.clone())
    }

    /// Does a portion of work: begins a grace period if one is due, looks at no more
    /// participants and frees no more values than the policy allows. Whoever retires
    /// or has time may call it, and somebody must now and then.
    ///
    /// One thread at a time: a second one is told so at once and may go on.
    pub fn collect(&self) -> Collected {
        self.collect_at(self.shared.born.elapsed())
    }

    /// [`collect`](Collector::collect) at the time `now` since the collector was made.
    pub(super) fn collect_at(&self, now: Duration) -> Collected {
        let freed = self.shared.grace.run(&self.shared, now);
        Collected {
            freed: freed.unwrap_or(0),
            busy: freed.is_none(),
            pending: self.shared.garbage.pending.load(Ordering::Relaxed),
        }
    }

    /// What the collector has to account for: O(participants).
    pub fn stats(&self) -> Stats {
        let Shared { garbage, grace, .. } = &*self.shared;
        let (participants, registered) = self.shared.participants.count();
        let thread = grace.holder.load(Ordering::Relaxed);
        let since = Duration::from_nanos(grace.holder_since_ns.load(Ordering::Relaxed));
        Stats {
            pending: garbage.pending.load(Ordering::Relaxed),
            pending_bytes: garbage.bytes.load(Ordering::Relaxed),
            threshold_bytes: grace.threshold.load(Ordering::Relaxed),
            advances: grace.advances.load(Ordering::Relaxed),
            held_up: grace.held_up.load(Ordering::Relaxed),
            held: grace.held.load(Ordering::Relaxed),
            participants,
            registered,
            holder: (thread != 0).then(|| Holder {
                thread,
                since: self.shared.born.elapsed().saturating_sub(since),
            }),
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("fence", &self.shared.fence)
            .field("policy", &self.shared.policy)
            .field("stats", &self.stats())
            .finish()
    }
}

impl Shared {
    /// Makes room for one more retired value; false: there is none.
    pub(super) fn reserve(&self) -> bool {
        let most = self.policy.max_pending;
        let more = |pending| (pending < most).then_some(pending + 1);
        let pending = &self.garbage.pending;
        pending
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    /// Makes room whether there is or not.
    pub(super) fn reserve_anyway(&self) {
        self.garbage.pending.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives back room that was made and is not needed.
    pub(super) fn unreserve(&self) {
        self.garbage.pending.fetch_sub(1, Ordering::Relaxed);
    }

    /// # Safety
    /// The caller owns `node`, which is in no cell any more, its value is Send, and room
    /// was made for it.
    pub(super) unsafe fn retire(&self, node: NonNull<Header>) {
        // SAFETY: the caller owns it.
        let bytes = unsafe { garbage::bytes(node) };
        self.garbage.bytes.fetch_add(bytes, Ordering::Relaxed);
        // SAFETY: by the caller.
        unsafe { self.garbage.stack.push(node) };
    }
}

impl Garbage {
    /// Takes a value that is freed out of the accounts.
    pub(super) fn forget(&self, bytes: usize) {
        self.pending.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What a call of [`Collector::collect`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Values freed by this call.
    pub freed: usize,
    /// Values still pending.
    pub pending: usize,
    /// Another thread collects, so this call did nothing.
    pub busy: bool,
}

/// The accounts of a [`Collector`], read one after the other while others run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Values unlinked and not freed.
    pub pending: usize,
    /// Size of the retired ones on the heap, without what they own elsewhere.
    pub pending_bytes: usize,
    /// Garbage that is enough for a grace period now.
    pub threshold_bytes: usize,
    /// Grace periods that ended.
    pub advances: usize,
    /// Calls of `collect` that a pinned participant held up.
    pub held_up: usize,
    /// Values that only hazards keep, of those pending, when that was last looked at.
    pub held: usize,
    /// Participants that a grace period looks at, registered or gone. No fewer than were ever
    /// registered at once, and more where one went while another thread registered.
    pub participants: usize,
    /// Participants registered.
    pub registered: usize,
    /// Who holds up the grace period under way.
    pub holder: Option<Holder>,
}

/// A participant that stays pinned while others wait to free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Id of the thread that registered it, as in `/proc/<pid>/task`.
    pub thread: u32,
    /// How long ago that was first seen.
    pub since: Duration,
}

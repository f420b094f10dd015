// SPDX-License-Identifier: GPL-2.0-only
//! The ring: the protocol of the module, without waiting and waking.

use std::mem::MaybeUninit;
use std::ptr;

use crossbeam_utils::CachePadded;

use super::MAX_CAPACITY;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Exclusive, Slots, order};
use crate::unwind::to_the_end;

/// A ring. Producers share it; the consumer's calls are `unsafe` as it is for the
/// caller to see that there is one.
pub(super) struct Ring<T> {
    /// Written by producers.
    producers: CachePadded<Producers>,
    /// Written by the consumer.
    consumer: CachePadded<Consumer>,
    /// Nobody takes from it any more. Read with each claim, written once: on neither of the
    /// lines above.
    closed: AtomicBool,
    words: Box<[AtomicU64]>,
    slots: Slots<T>,
}

struct Producers {
    tail: AtomicU64,
    /// A value that `head` had: spares producers the consumer's line.
    head_seen: AtomicU64,
    /// Claims refused as there was no room.
    refused: AtomicU64,
}

struct Consumer {
    head: AtomicU64,
    cursor: Exclusive<Cursor>,
}

/// How far the consumer is.
#[derive(Clone, Copy, Default)]
struct Cursor {
    /// Position of the next value, if `left` isn't 0.
    at: u64,
    /// Values left in the claim that it is in.
    left: u64,
    /// Where that claim ends.
    end: u64,
    /// What `head` is.
    freed: u64,
    /// Claims that held no value.
    aborted: u64,
}

// SAFETY: a slot is accessed by one thread at a time (exclusion, in the module), and
// values go from one thread to another, for which T is Send.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

/// A claim: `len` slots at `at` after a gap that starts at `start`.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    start: u64,
    pub(super) at: u64,
    pub(super) len: usize,
}

/// Contiguous values that the consumer has: `len` of them at `at`.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) at: u64,
    pub(super) len: usize,
}

/// What a published word says.
struct Word {
    gap: u64,
    len: u64,
    filled: u64,
}

/// Bits of each of the three lengths, the largest of which is MAX_CAPACITY.
const BITS: u32 = 21;
const _: () = assert!(MAX_CAPACITY < 1 << BITS);

impl Word {
    /// Of a claim of one slot, which holds a value.
    const SINGLE: Word = Word {
        gap: 0,
        len: 1,
        filled: 1,
    };

    /// Not 0.
    const fn encode(&self) -> u64 {
        1 << (3 * BITS) | self.gap << (2 * BITS) | self.len << BITS | self.filled
    }

    fn decode(word: u64) -> Option<Word> {
        let field = |index: u32| word >> (index * BITS) & ((1 << BITS) - 1);
        (word != 0).then(|| Word {
            gap: field(2),
            len: field(1),
            filled: field(0),
        })
    }
}

impl<T> Ring<T> {
    pub(super) fn new(capacity: usize) -> Ring<T> {
        assert!(
            capacity <= MAX_CAPACITY,
            "a ring of {capacity} slots: {MAX_CAPACITY} at most"
        );
        let capacity = capacity.next_power_of_two().max(2);
        Ring {
            producers: CachePadded::new(Producers {
                tail: AtomicU64::new(0),
                head_seen: AtomicU64::new(0),
                refused: AtomicU64::new(0),
            }),
            consumer: CachePadded::new(Consumer {
                head: AtomicU64::new(0),
                cursor: Exclusive::new(Cursor::default()),
            }),
            closed: AtomicBool::new(false),
            words: (0..capacity).map(|_| AtomicU64::new(0)).collect(),
            slots: Slots::new(capacity),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.words.len()
    }

    fn index(&self, position: u64) -> usize {
        // Less than the capacity, so it fits.
        (position & (self.words.len() as u64 - 1)) as usize
    }

    /// Claims `len` contiguous slots, 1 to half the capacity; None: no room.
    #[inline]
    pub(super) fn claim(&self, len: usize) -> Option<Claim> {
        debug_assert!((1..=self.capacity() / 2).contains(&len));
        let capacity = self.capacity() as u64;
        let mut head = self
            .producers
            .head_seen
            .load(order("mpsc.head_seen", Ordering::Acquire));
        // Loaded after a head, so it isn't below that.
        let mut tail = self.producers.tail.load(Ordering::Relaxed);
        loop {
            let room_to_end = capacity - (tail & (capacity - 1));
            let gap = if room_to_end < len as u64 {
                room_to_end
            } else {
                0
            };
            let end = tail + gap + len as u64;
            if end - head > capacity {
                let now = self.look_at_head();
                if now == head {
                    self.producers.refused.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
                head = now;
                tail = self.producers.tail.load(Ordering::Relaxed);
                continue;
            }
            // Orders nothing: slots pass through words and `head`.
            match self.producers.tail.compare_exchange_weak(
                tail,
                end,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Some(Claim {
                        start: tail,
                        at: tail + gap,
                        len,
                    });
                }
                Err(now) => tail = now,
            }
        }
    }

    #[cold]
    fn look_at_head(&self) -> u64 {
        let head = self
            .consumer
            .head
            .load(order("mpsc.head_load", Ordering::Acquire));
        // Another producer may have stored a later one: this one is only lower.
        self.producers
            .head_seen
            .store(head, order("mpsc.head_share", Ordering::Release));
        head
    }

    /// The claimed slots.
    ///
    /// # Safety
    /// The caller has the claim, and makes no two slices of it at once.
    pub(super) unsafe fn claimed(&self, claim: &Claim) -> *mut [MaybeUninit<T>] {
        self.slots.write(self.index(claim.at), claim.len)
    }

    /// Passes the first `filled` slots of the claim to the consumer, and frees the
    /// others.
    ///
    /// # Safety
    /// The caller has the claim and gives it up; those slots are initialised.
    #[inline]
    pub(super) unsafe fn publish(&self, claim: Claim, filled: usize) {
        let word = Word {
            gap: claim.at - claim.start,
            len: claim.len as u64,
            filled: filled as u64,
        };
        let release = order("mpsc.publish", Ordering::Release);
        self.words[self.index(claim.start)].store(word.encode(), release);
    }

    /// Passes a claim of one slot to the consumer, with `value`.
    ///
    /// # Safety
    /// The caller has the claim and gives it up.
    #[inline]
    pub(super) unsafe fn publish_one(&self, claim: Claim, value: T) {
        // SAFETY: the slot is the caller's.
        unsafe { self.claimed(&claim).cast::<T>().write(value) };
        // SAFETY: by the caller, and it is initialised.
        unsafe { self.publish(claim, 1) };
    }

    /// Takes up to `max` values that lie together; None: nothing is ready. They are
    /// the caller's, the slots are not free before [`free`](Ring::free).
    ///
    /// # Safety
    /// The caller is the consumer.
    pub(super) unsafe fn take(&self, max: usize) -> Option<Run> {
        // SAFETY: the consumer is one thread at a time.
        unsafe {
            self.consumer.cursor.with(|cursor| {
                // A copy, which unlike the original needn't be in memory at each atomic access.
                let mut copy = *cursor;
                let run = self.advance(&mut copy, max);
                *cursor = copy;
                run
            })
        }
    }

    #[inline]
    fn advance(&self, cursor: &mut Cursor, max: usize) -> Option<Run> {
        while cursor.left == 0 {
            let Some(word) = self.next_word(cursor) else {
                self.free_up_to(cursor);
                return None;
            };
            self.enter(cursor, &word);
        }
        let at = cursor.at;
        let max = max as u64;
        let mut len = self.eat(cursor, max);
        // The next claim goes on where this one ended, if this one was full and the
        // next needed no gap.
        while len < max && cursor.at == cursor.end && self.index(cursor.at) != 0 {
            if self.next_is_single(cursor) {
                self.enter(cursor, &Word::SINGLE);
            } else {
                let Some(word) = self.next_word(cursor).filter(|word| word.gap == 0) else {
                    break;
                };
                self.enter(cursor, &word);
            }
            len += self.eat(cursor, max - len);
        }
        let len = len as usize;
        Some(Run { at, len })
    }

    /// The word of the claim behind the cursor's, if it was published.
    fn next_word(&self, cursor: &Cursor) -> Option<Word> {
        let acquire = order("mpsc.word", Ordering::Acquire);
        Word::decode(self.words[self.index(cursor.end)].load(acquire))
    }

    /// Whether the word behind the cursor's claim is [`Word::SINGLE`]. That is a branch, which the
    /// CPU predicts, so it looks for the next word before it has read this one.
    fn next_is_single(&self, cursor: &Cursor) -> bool {
        let acquire = order("mpsc.word", Ordering::Acquire);
        self.words[self.index(cursor.end)].load(acquire) == const { Word::SINGLE.encode() }
    }

    /// Goes on to the claim behind the cursor's, which has this word.
    fn enter(&self, cursor: &mut Cursor, word: &Word) {
        // Seen as 0 by the next to claim the slot, as `head` is stored later.
        self.words[self.index(cursor.end)].store(0, Ordering::Relaxed);
        cursor.at = cursor.end + word.gap;
        cursor.left = word.filled;
        cursor.end = cursor.at + word.len;
        cursor.aborted += u64::from(word.filled == 0);
    }

    /// Takes up to `max` values of the claim; how many.
    fn eat(&self, cursor: &mut Cursor, max: u64) -> u64 {
        let len = cursor.left.min(max);
        cursor.at += len;
        cursor.left -= len;
        len
    }

    /// Frees what the cursor is past.
    fn free_up_to(&self, cursor: &mut Cursor) {
        let head = if cursor.left > 0 {
            cursor.at
        } else {
            cursor.end
        };
        if head != cursor.freed {
            cursor.freed = head;
            let release = order("mpsc.head_store", Ordering::Release);
            self.consumer.head.store(head, release);
        }
    }

    /// Where the values of a run are.
    ///
    /// # Safety
    /// The caller is the consumer, and has taken the run and not freed it.
    pub(super) unsafe fn taken(&self, run: Run) -> *mut [T] {
        // Initialised or not, a T is where its slot is.
        self.slots.write(self.index(run.at), run.len) as *mut [T]
    }

    /// Frees the slots of all that was taken.
    ///
    /// # Safety
    /// The caller is the consumer, and has moved out the values or dropped them.
    pub(super) unsafe fn free(&self) {
        // SAFETY: the consumer is one thread at a time.
        unsafe { self.consumer.cursor.with(|cursor| self.free_up_to(cursor)) }
    }

    /// Whether `take` would find something to advance over.
    ///
    /// # Safety
    /// The caller is the consumer.
    pub(super) unsafe fn is_ready(&self) -> bool {
        // SAFETY: the consumer is one thread at a time.
        let cursor = unsafe { self.consumer.cursor.with(|cursor| *cursor) };
        cursor.left > 0 || self.words[self.index(cursor.end)].load(Ordering::Relaxed) != 0
    }

    /// (claims that held no value, claims refused).
    ///
    /// # Safety
    /// The caller is the consumer.
    pub(super) unsafe fn lost(&self) -> (u64, u64) {
        // SAFETY: the consumer is one thread at a time.
        let aborted = unsafe { self.consumer.cursor.with(|cursor| cursor.aborted) };
        (aborted, self.producers.refused.load(Ordering::Relaxed))
    }

    /// Slots claimed and not free yet.
    pub(super) fn used(&self) -> usize {
        // Acquire: the claims that it passed are in `tail` then. For statistics alone, so no
        // model asks.
        let head = self.consumer.head.load(Ordering::Acquire);
        (self.producers.tail.load(Ordering::Relaxed) - head) as usize
    }

    /// Tells producers that nothing is received any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Drops the values that are ready, those behind one whose destructor panics too.
    ///
    /// # Safety
    /// The caller is the consumer.
    pub(super) unsafe fn drain(&self) {
        to_the_end(|| {
            // SAFETY: by the caller.
            let run = unsafe { self.take(usize::MAX) };
            // SAFETY: by the caller; what is taken is initialised.
            run.map(|run| unsafe {
                ptr::drop_in_place(self.taken(run));
                self.free();
            })
            .is_some()
        });
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the ring, so the consumer is gone.
        unsafe { self.drain() };
    }
}

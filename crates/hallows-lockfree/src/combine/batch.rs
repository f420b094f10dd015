// SPDX-License-Identifier: GPL-2.0-only
//! What `apply_batch` gets.

use std::any::Any;
use std::mem;
use std::panic::resume_unwind;
use std::slice;

use super::Combine;

/// What a panic threw.
pub(super) type Thrown = Box<dyn Any + Send>;

/// What is in a slot, or on its way between two threads.
#[derive(Default)]
pub(super) enum Content<C: Combine> {
    Op(C::Op),
    #[default]
    Taken,
    Ret(C::Ret),
    /// Serving it panicked, or there is no answer for another reason.
    Panic(Option<Thrown>),
}

impl<C: Combine> Content<C> {
    /// The answer, for who made the request.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn into_answer(self) -> C::Ret {
        match self {
            Content::Ret(answer) => answer,
            Content::Panic(Some(thrown)) => resume_unwind(thrown),
            _ => panic!("apply_batch took this request and did not answer it"),
        }
    }
}

/// A request in a batch.
pub(super) struct Entry<C: Combine> {
    pub(super) slot: usize,
    pub(super) content: Content<C>,
}

/// Requests of different threads. Taking one from this iterator obliges to answer it, by
/// the [`Reply`] beside it.
pub struct Batch<'b, C: Combine> {
    left: slice::IterMut<'b, Entry<C>>,
}

impl<'b, C: Combine> Batch<'b, C> {
    pub(super) fn new(entries: &'b mut [Entry<C>]) -> Batch<'b, C> {
        Batch {
            left: entries.iter_mut(),
        }
    }

    /// The requests that were not taken yet, in their order.
    pub fn ops(&self) -> impl Iterator<Item = &C::Op> {
        let entries = self.left.as_slice().iter();
        entries.map(|entry| match &entry.content {
            Content::Op(op) => op,
            _ => unreachable!("a batch is made of requests"),
        })
    }
}

impl<'b, C: Combine> Iterator for Batch<'b, C> {
    type Item = (C::Op, Reply<'b, C>);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.left.next()?;
        match mem::take(&mut entry.content) {
            Content::Op(op) => Some((op, Reply(&mut entry.content))),
            _ => unreachable!("a batch is made of requests"),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl<C: Combine> ExactSizeIterator for Batch<'_, C> {}

/// Where the answer to a request goes. Dropped instead, the caller panics.
#[must_use = "a request without an answer makes its caller panic"]
pub struct Reply<'b, C: Combine>(&'b mut Content<C>);

impl<C: Combine> Reply<'_, C> {
    /// Answers. The caller gets it when the batch is done.
    pub fn send(self, answer: C::Ret) {
        *self.0 = Content::Ret(answer);
    }
}

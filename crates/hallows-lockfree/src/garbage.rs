// SPDX-License-Identifier: GPL-2.0-only
//! Values that may be unlinked, with room for the list they then wait on, so that
//! retiring allocates nothing.
//!
//! A node has one owner at a time: the cell it is linked in, the token of who
//! unlinked it, then a [`Stack`] or a [`List`]. Only the owner touches its header;
//! readers know the value alone, never a reference to the whole node.

use std::mem;
use std::ptr::{self, NonNull};

use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::order;
use crate::unwind::to_the_end;

/// What a list needs to know about a node.
pub(crate) struct Header {
    next: Next,
    /// Frees the node. It must be the only owner's last deed.
    destroy: unsafe fn(NonNull<Header>),
    bytes: usize,
}

/// Where the next node is, null: there is none. It is an address, of which a pointer is made
/// to the node that is there when the list is walked: a pointer that was kept may be to one that
/// was there before, see [`Stack`]. For that, who pushes a node exposes it.
///
/// Miri, to be strict about all else, keeps the pointer. It would report a stack whose head
/// came back; none of its tests makes that happen.
#[derive(Clone, Copy)]
struct Next(#[cfg(not(miri))] usize, #[cfg(miri)] *mut Header);

impl Next {
    fn to(node: *mut Header) -> Next {
        #[cfg(not(miri))]
        let node = node.addr();
        Next(node)
    }

    fn node(self) -> *mut Header {
        #[cfg(not(miri))]
        return ptr::with_exposed_provenance_mut(self.0);
        #[cfg(miri)]
        return self.0;
    }

    /// Lets a pointer to the node be made of its address.
    fn expose(node: NonNull<Header>) {
        #[cfg(not(miri))]
        let _ = node.as_ptr().expose_provenance();
        #[cfg(miri)]
        let _ = node;
    }
}

/// A value on the heap that can be retired.
#[repr(C)]
pub(crate) struct Node<T> {
    header: Header,
    value: T,
}

impl<T: 'static> Node<T> {
    /// Allocates a node and passes it to the caller.
    pub(crate) fn alloc(value: T) -> *mut Node<T> {
        Box::into_raw(Box::new(Node {
            header: Header {
                next: Next::to(ptr::null_mut()),
                destroy: destroy::<T>,
                bytes: mem::size_of::<Node<T>>(),
            },
            value,
        }))
    }

    /// The value, given back: for a node that was never linked.
    ///
    /// # Safety
    /// `node` comes from [`alloc`](Node::alloc), and nobody else knows it.
    pub(crate) unsafe fn into_value(node: *mut Node<T>) -> T {
        // SAFETY: the caller is the only owner of what Box::into_raw gave.
        unsafe { Box::from_raw(node) }.value
    }

    /// Where the value is, or was if the node is gone.
    pub(crate) fn value(node: *mut Node<T>) -> *const T {
        node.wrapping_byte_add(mem::offset_of!(Node<T>, value))
            .cast()
    }
}

/// # Safety
/// `header` is the header of a `Node<T>` of whose value no reference is left.
unsafe fn destroy<T>(header: NonNull<Header>) {
    // SAFETY: the header is the first field of a repr(C) struct that was boxed.
    drop(unsafe { Box::from_raw(header.as_ptr().cast::<Node<T>>()) });
}

/// Retired nodes, pushed by anybody and taken all at once.
///
/// The head that a push read may be taken, freed and be the address of another node, pushed
/// since, when its exchange succeeds (ABA). That does no harm: nothing is popped singly, so
/// the new node is on top of that other one, which is where its link leads.
pub(crate) struct Stack {
    head: AtomicPtr<Header>,
}

impl Stack {
    pub(crate) fn new() -> Stack {
        Stack {
            head: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Lock-free. What the caller did before is seen by who takes the node.
    ///
    /// # Safety
    /// The caller owns `node` and passes it on.
    pub(crate) unsafe fn push(&self, node: NonNull<Header>) {
        Next::expose(node);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: it is the caller's until the exchange succeeds.
            unsafe { (*node.as_ptr()).next = Next::to(head) };
            let release = order("garbage.push", Ordering::Release);
            match self
                .head
                .compare_exchange_weak(head, node.as_ptr(), release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// All that was pushed, oldest last. Every change of `head` is a
    /// read-modify-write, so acquiring the last push acquires all before it.
    pub(crate) fn take(&self) -> List {
        if self.is_empty() {
            return List::default();
        }
        // No model misses the acquire, as sequential heavy fences, which follow where
        // it matters, acquire as well.
        List {
            head: self.head.swap(ptr::null_mut(), Ordering::Acquire),
            tail: ptr::null_mut(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed).is_null()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Nodes of one owner. Dropping the list frees them.
pub(crate) struct List {
    head: *mut Header,
    /// The last node of a list that was built by [`push`](List::push), else null.
    tail: *mut Header,
}

// SAFETY: it owns its nodes, whose values are Send where they are retired.
unsafe impl Send for List {}

impl Default for List {
    fn default() -> List {
        List {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
        }
    }
}

impl List {
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    pub(crate) fn pop(&mut self) -> Option<NonNull<Header>> {
        let node = NonNull::new(self.head)?;
        // SAFETY: the nodes of the list are its own.
        self.head = unsafe { (*node.as_ptr()).next }.node();
        if self.head.is_null() {
            self.tail = ptr::null_mut();
        }
        Some(node)
    }

    /// # Safety
    /// The caller owns `node` and passes it on.
    pub(crate) unsafe fn push(&mut self, node: NonNull<Header>) {
        if self.head.is_null() {
            self.tail = node.as_ptr();
        }
        Next::expose(node);
        // SAFETY: it is the list's now.
        unsafe { (*node.as_ptr()).next = Next::to(self.head) };
        self.head = node.as_ptr();
    }

    /// This list, built by [`push`](List::push) alone, followed by `rest`: O(1).
    pub(crate) fn followed_by(mut self, mut rest: List) -> List {
        if self.is_empty() {
            return rest;
        }
        let joined = List {
            head: mem::replace(&mut self.head, ptr::null_mut()),
            tail: ptr::null_mut(),
        };
        let rest = Next::to(mem::replace(&mut rest.head, ptr::null_mut()));
        // SAFETY: the tail is a node of this list.
        unsafe { (*self.tail).next = rest };
        joined
    }
}

impl Drop for List {
    fn drop(&mut self) {
        to_the_end(|| {
            let node = self.pop();
            // SAFETY: a list is dropped with what owns it, when no reader is left.
            node.map(|node| unsafe { free(node) }).is_some()
        });
    }
}

/// Frees a node and runs the destructor of its value.
///
/// # Safety
/// The caller owns `node`, and no reference to its value is left.
pub(crate) unsafe fn free(node: NonNull<Header>) {
    // SAFETY: by the caller; destroy is of the type that the node was made with.
    unsafe { ((*node.as_ptr()).destroy)(node) };
}

/// Size of the node on the heap in bytes, without what its value owns elsewhere.
///
/// # Safety
/// The caller owns `node`.
pub(crate) unsafe fn bytes(node: NonNull<Header>) -> usize {
    // SAFETY: by the caller.
    unsafe { (*node.as_ptr()).bytes }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn node(counter: &Arc<()>) -> NonNull<Header> {
        NonNull::new(Node::alloc(counter.clone()))
            .expect("a box is not null")
            .cast()
    }

    #[test]
    fn lists_join_and_free_what_they_hold() {
        let counter = Arc::new(());
        let stack = Stack::new();
        let mut kept = List::default();
        for _ in 0..3 {
            // SAFETY: new nodes are ours.
            unsafe {
                stack.push(node(&counter));
                kept.push(node(&counter));
            }
        }
        let mut joined = kept.followed_by(stack.take());
        assert!(stack.is_empty());
        for left in (1..=6).rev() {
            assert_eq!(Arc::strong_count(&counter), 1 + left);
            // SAFETY: popped, so ours, and nobody reads it.
            unsafe { free(joined.pop().expect("six nodes")) };
        }
        assert!(joined.is_empty() && joined.pop().is_none());
    }

    #[test]
    fn dropping_frees() {
        let counter = Arc::new(());
        let stack = Stack::new();
        // SAFETY: new nodes are ours.
        unsafe {
            stack.push(node(&counter));
            stack.push(node(&counter));
        }
        let list = List::default().followed_by(stack.take());
        assert_eq!(Arc::strong_count(&counter), 3);
        drop(list);
        // SAFETY: as above.
        unsafe { stack.push(node(&counter)) };
        drop(stack);
        assert_eq!(Arc::strong_count(&counter), 1);
    }

    /// Panics when it is dropped.
    struct Bad;

    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("a destructor's");
        }
    }

    #[test]
    fn dropping_goes_on_behind_a_panic() {
        let counter = Arc::new(());
        let mut list = List::default();
        let bad = NonNull::new(Node::alloc(Bad)).expect("a box is not null");
        for node in [node(&counter), bad.cast(), node(&counter)] {
            // SAFETY: new nodes are ours.
            unsafe { list.push(node) };
        }
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(list)));
        assert!(dropped.is_err());
        assert_eq!(Arc::strong_count(&counter), 1);
    }
}

//! Bounds what the parser library may hold for one file. It gives a source that it is not sure of several readings, in one graph of
//! stack entries. At the end of the file it walks every way from the top of that graph to its bottom (`ts_stack_pop_all`) and keeps
//! the nodes of each: entries × ways × 8 bytes, in one call that asks nobody. Of an entry that people write nothing is left when
//! its construct ends; of a source that leaves everything open each token stays, so 16 KB of `$ & ; ` as Rust take 80 MB and
//! 120 KB take 4 GB. The budget is asked until just before, every hundred operations, so the graph is held small there.

use crate::error::Excess;

/// How large an entry of the parser library's stack is, `sizeof(StackNode)` in its `stack.c` on machines of 64 bits. Nothing
/// else that it takes singly has this size; if it changes, the tests of hostile sources turn red.
pub const STACK_ENTRY_BYTES: usize = 232;

/// Stack entries at once. People's code reaches some hundred, the worst of 2,857 files found on a development machine 1,485.
const MOST_ENTRIES: i64 = 12_000;

/// Bytes at once. Trees of people's code take 15 to 75 bytes for each of the source.
const MOST_BYTES: i64 = 128 << 20;

/// What the parser library holds on this thread. Only differences are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// In all, in bytes.
    pub bytes: i64,
    /// Blocks of [`STACK_ENTRY_BYTES`].
    pub entries: i64,
}

/// Says what the parser library holds on the thread that asks. It is asked as often as a [`crate::Budget`].
pub type Gauge = fn() -> Held;

/// A gauge as it stood when a file was begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    gauge: Gauge,
    before: Held,
}

impl Watch {
    pub(crate) fn begin(gauge: Gauge) -> Self {
        Self { gauge, before: gauge() }
    }

    /// What there is too much of.
    pub(crate) fn excess(&self) -> Option<Excess> {
        let now = (self.gauge)();
        if now.entries - self.before.entries > MOST_ENTRIES {
            Some(Excess::Open)
        } else if now.bytes - self.before.bytes > MOST_BYTES {
            Some(Excess::Memory)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, ffi::c_void, mem::size_of};

    use super::*;

    thread_local! {
        static HELD: Cell<Held> = const { Cell::new(Held { bytes: 0, entries: 0 }) };
    }

    /// The library's `StackLink`: a node, a subtree, which is a pointer or 8 bytes in its place, and a mark.
    #[repr(C)]
    struct Link(*mut c_void, *mut c_void, bool);

    /// The library's `StackNode`: a state, a place (bytes, row, column), eight links and their number, who holds it, cost of errors,
    /// nodes, precedence.
    #[repr(C)]
    struct Entry(u16, [u32; 3], [Link; 8], u16, u32, u32, u32, i32);

    #[test]
    fn an_entry_is_as_large_as_the_library_makes_it() {
        assert_eq!(STACK_ENTRY_BYTES, size_of::<Entry>());
    }

    #[test]
    fn what_was_taken_since_the_start_counts_and_nothing_else() {
        // Before, now, what there is too much of. The limits are part of the promise of bounded memory, so they stand here again.
        let held = |bytes, entries| Held { bytes, entries };
        let cases = [
            (held(0, 0), held(0, 0), None),
            (held(0, 0), held(128 << 20, 12_000), None),
            (held(0, 0), held(0, 12_001), Some(Excess::Open)),
            (held(0, 0), held((128 << 20) + 1, 0), Some(Excess::Memory)),
            // Both: what is open tells more.
            (held(0, 0), held(1 << 30, 1 << 20), Some(Excess::Open)),
            // What a thread held before is not the file's, nor is what another thread took and this one frees.
            (held(1 << 30, 50_000), held((1 << 30) + 5, 50_010), None),
            (held(1 << 30, 50_000), held(1 << 30, 62_001), Some(Excess::Open)),
            (held(-500, -100), held((128 << 20) - 499, -100), Some(Excess::Memory)),
            (held(1 << 30, 50_000), held(0, 0), None),
        ];
        for (before, now, expected) in cases {
            HELD.set(before);
            let watch = Watch::begin(|| HELD.get());
            HELD.set(now);
            assert_eq!(watch.excess(), expected, "{before:?} {now:?}");
        }
    }
}

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

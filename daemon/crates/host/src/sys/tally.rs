//! The allocator of the parser library: the system's own, with a count per thread of what is held.

#![expect(unsafe_code, reason = "functions that C calls; each block says what the callee demands")]

use std::{
    cell::Cell,
    ffi::c_void,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::tally::Tally;

#[cfg(target_os = "macos")]
use libc::malloc_size as size_of_block;
#[cfg(target_os = "linux")]
use libc::malloc_usable_size as size_of_block;

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { bytes: 0, blocks: 0 }) };
}

/// The size that the system gives to blocks that are counted one by one; no block has this one.
static COUNTED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Gives the parser library the functions below, once. `block` is what it asks for when it makes a block that is counted.
pub(crate) fn count_parser_blocks(block: usize) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the block is one of malloc's, or null, for which its size is 0; it is freed once, and not used after.
        let size = unsafe {
            let probe = libc::malloc(block);
            let size = size_of(probe);
            libc::free(probe);
            size
        };
        COUNTED.store(size, Ordering::Relaxed);
        let ours = tree_sitter::Allocator { malloc, calloc, realloc, free };
        // SAFETY: the four are malloc's family, so they take blocks from before the exchange too, keep its alignment, and
        // never answer null. The caller promises that no thread parses yet; `Once` keeps a second caller waiting.
        unsafe { tree_sitter::set_allocator(Some(ours)) };
    });
}

/// What this thread holds; negative if it freed what others took.
pub(crate) fn parser_blocks() -> Tally {
    TALLY.get()
}

/// How large a block really is; 0 for null.
unsafe fn size_of(block: *mut c_void) -> usize {
    // SAFETY: the caller gives null or a live block of malloc's; both are allowed.
    unsafe { size_of_block(block) }
}

/// Counts a block, and ends the process where there is none, as the library's own functions do.
unsafe fn taken(block: *mut c_void, asked: usize) -> *mut c_void {
    if block.is_null() && asked > 0 {
        std::process::abort();
    }
    // SAFETY: as the caller's.
    count(unsafe { size_of(block) }, 1);
    block
}

fn count(size: usize, sign: i64) {
    let mut tally = TALLY.get();
    tally.bytes += sign * i64::try_from(size).unwrap_or(i64::MAX);
    if size == COUNTED.load(Ordering::Relaxed) {
        tally.blocks += sign;
    }
    TALLY.set(tally);
}

unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: malloc takes any size.
    unsafe { taken(libc::malloc(size), size) }
}

unsafe extern "C" fn calloc(items: usize, size: usize) -> *mut c_void {
    // SAFETY: calloc takes any sizes and answers null if their product is too large.
    unsafe { taken(libc::calloc(items, size), items.saturating_mul(size)) }
}

unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller gives null or a live block of this family, which is not used after it was replaced.
    unsafe {
        count(size_of(block), -1);
        taken(libc::realloc(block, size), size)
    }
}

unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: the caller gives null or a live block of this family, and does not use it after.
    unsafe {
        count(size_of(block), -1);
        libc::free(block);
    }
}

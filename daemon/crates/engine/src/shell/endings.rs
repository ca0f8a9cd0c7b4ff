//! Finished tasks on their way into the index. Each handing over costs writes to the disk, so a few go together; until then
//! memory knows them.

use std::sync::{Arc, Mutex, PoisonError};

use super::Shell;
use crate::sabotage::{Point, is};

/// Finished tasks that go together, if memory does not want to forget some before.
const TOGETHER: usize = 32;

impl Shell {
    /// Hands finished tasks over once they are many, or memory begins to forget them. The rest goes with the next
    /// housekeeping.
    pub(super) fn index_endings(&mut self) {
        if self.book.endings.len() >= TOGETHER || self.core.wants_index() {
            self.write_endings();
        }
    }

    /// Hands all of them over; from then on memory may forget them. If the io thread is busy they wait: how many may, the
    /// books decide, which take no more tasks when too many do.
    pub(super) fn write_endings(&mut self) {
        if self.book.endings.is_empty() {
            return;
        }
        let endings = std::mem::take(&mut self.book.endings);
        let count = endings.len();
        let watermark = self.core.low_watermark();
        let kept = Arc::new(Mutex::new(Some(endings)));
        let for_io = Arc::clone(&kept);
        let left = self.io.leave(move |io| {
            let endings = for_io.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            if let Err(error) = io.book.add(&endings, watermark) {
                tracing::warn!(%error, "the index cannot be written; it will be made anew");
            }
        });
        if left || is(Point::EndingsKept) {
            self.core.indexed(count);
        } else {
            self.book.endings = kept.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        }
    }
}

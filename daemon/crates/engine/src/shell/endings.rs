//! Finished tasks on their way into the index. Each handing over costs writes to the disk, so a few go together; until then
//! memory knows them.

use std::sync::{Arc, Mutex, PoisonError};

use super::Shell;

/// Finished tasks that go together. Fewer than memory keeps, so whoever asks finds a task here or there.
const TOGETHER: usize = 32;

/// Index entries that may wait for the io thread. Beyond it, the oldest go with the next rebuild instead.
const MOST: usize = 65_536;

impl Shell {
    /// Hands finished tasks over once they are many, or memory begins to forget them. The rest goes with the next
    /// housekeeping.
    pub(super) fn index_endings(&mut self) {
        let Some(oldest) = self.book.endings.first() else { return };
        if self.book.endings.len() >= TOGETHER || !self.core.remembers(oldest.view.id) {
            self.write_endings();
        }
    }

    /// Hands all of them over. If the io thread is busy they wait, up to a bound.
    pub(super) fn write_endings(&mut self) {
        if self.book.endings.is_empty() {
            return;
        }
        let endings = std::mem::take(&mut self.book.endings);
        let watermark = self.core.low_watermark();
        let kept = Arc::new(Mutex::new(Some(endings)));
        let for_io = Arc::clone(&kept);
        let left = self.io.leave(move |io| {
            let endings = for_io.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            if let Err(error) = io.book.add(&endings, watermark) {
                tracing::warn!(%error, "the index cannot be written; it will be made anew");
            }
        });
        if !left {
            let mut endings = kept.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
            endings.truncate(MOST);
            self.book.endings = endings;
        }
    }
}

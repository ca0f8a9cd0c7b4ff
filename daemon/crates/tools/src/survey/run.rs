//! What was found in a row, in the order of the manifest, and how rows are put together. What was left out is noted with the
//! number of files before it, so that a row can be cut after any file.

use super::{Limits, Manifest, SkipReason, SourceFile, manifest::EXAMPLES};
use crate::stamp::Stamp;

/// Something beside the files.
#[derive(Debug)]
struct Mark {
    /// Files of the row before it.
    at: usize,
    /// Why something was left out; `None`: a folder was entered.
    left_out: Option<SkipReason>,
    count: u64,
    /// Safe to show.
    example: Option<String>,
}

/// Some files in a row, and what stood between them.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) files: Vec<SourceFile>,
    /// One for each file, or none at all.
    pub(super) stamps: Vec<Option<Stamp>>,
    marks: Vec<Mark>,
    /// Examples by reason: more than a manifest shows are not kept.
    examples: [usize; SkipReason::ALL.len()],
}

impl Run {
    pub(super) const fn is_empty(&self) -> bool {
        self.files.is_empty() && self.marks.is_empty()
    }

    pub(super) fn enter(&mut self) {
        self.mark(None, None);
    }

    pub(super) fn skip(&mut self, reason: SkipReason, example: impl FnOnce() -> String) {
        let examples = &mut self.examples[reason as usize];
        let is_shown = *examples < EXAMPLES;
        *examples += usize::from(is_shown);
        self.mark(Some(reason), is_shown.then(example));
    }

    /// A folder of a hundred thousand ignored files takes one mark.
    fn mark(&mut self, left_out: Option<SkipReason>, example: Option<String>) {
        let at = self.files.len();
        match self.marks.last_mut() {
            Some(last) if last.at == at && last.left_out == left_out && example.is_none() => last.count += 1,
            _ => self.marks.push(Mark { at, left_out, count: 1, example }),
        }
    }
}

/// The manifest as far as it is known without a gap.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) manifest: Manifest,
    pub(super) stamps: Vec<Option<Stamp>>,
}

impl Joined {
    /// Puts the next row behind the others, as far as files are kept; whether there was room for all of it.
    pub(super) fn add(&mut self, mut run: Run, limits: Limits) -> bool {
        let room = limits.max_files - self.manifest.files.len();
        let over = run.files.get(room).map(|file| crate::text::shown(&file.path).into_owned());
        run.files.truncate(room);
        run.stamps.truncate(room);
        for mark in run.marks.into_iter().take_while(|mark| mark.at <= room) {
            let Some(reason) = mark.left_out else {
                self.manifest.folders += u32::try_from(mark.count).unwrap_or(u32::MAX);
                continue;
            };
            self.manifest.truncated |= reason == SkipReason::OverLimit;
            self.manifest.skip(reason, mark.count, mark.example);
        }
        self.manifest.total_bytes += run.files.iter().map(|file| u64::from(file.bytes)).sum::<u64>();
        self.manifest.files.append(&mut run.files);
        self.stamps.append(&mut run.stamps);
        let is_full = over.is_some();
        if is_full {
            self.manifest.truncated = true;
            self.manifest.skip(SkipReason::OverLimit, 1, over);
        }
        !is_full
    }
}

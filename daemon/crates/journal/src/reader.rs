//! Reading the log beside its writer: any number of threads, each sees only what is synced.

use std::{
    ops::ControlFlow,
    sync::{Arc, PoisonError, RwLock},
};

use agentd_base::Seq;

use crate::{
    disk::Disk,
    error::Error,
    format::{Chain, Head, Record},
    recover::{self, Found},
    segment::{self, LOG, Name, Step, Walk},
};

/// A position within the last segment, so that a reader of its end need not walk all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) next: Seq,
    pub(crate) at: u64,
    pub(crate) head: Head,
}

impl Mark {
    /// One mark per so many bytes: 8 MiB of segment make at most 512 marks of 32 bytes.
    const EVERY: u64 = 16 * 1024;

    pub(crate) fn note(marks: &mut Vec<Self>, mark: Self) {
        if marks.last().is_none_or(|last| mark.at >= last.at + Self::EVERY) {
            marks.push(mark);
        }
    }
}

#[derive(Debug)]
pub(crate) struct View {
    pub(crate) names: Vec<Name>,
    pub(crate) durable: Seq,
    pub(crate) marks: Vec<Mark>,
}

impl View {
    fn oldest(&self) -> Seq {
        self.names.first().map_or(Seq(1), |name| name.base)
    }
}

/// Reads what is durable. Cheap to clone; for any thread.
#[derive(Debug, Clone)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    chain: Chain,
    view: Arc<RwLock<View>>,
}

impl Reader {
    pub(crate) fn new(disk: Arc<dyn Disk>, chain: Chain, view: View) -> Self {
        Self { disk, chain, view: Arc::new(RwLock::new(view)) }
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn names(&self) -> Vec<Name> {
        self.view(|view| view.names.clone())
    }

    fn view<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of the oldest record kept; one more than [`durable`](Self::durable) if there is none.
    #[must_use]
    pub fn oldest(&self) -> Seq {
        self.view(View::oldest)
    }

    /// The number of the last durable record; 0 if there is none yet.
    #[must_use]
    pub fn durable(&self) -> Seq {
        self.view(|view| view.durable)
    }

    /// Calls `each` with the records after `from` up to and with `to` (or the last durable one), in order, until it
    /// breaks. Each group is checked against its checksums and hash again.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if records after `from` are no longer kept, or `from` is not yet durable;
    /// [`Error::Damaged`] for rot; [`Error::Io`].
    pub fn scan(&self, from: Seq, to: Seq, each: &mut dyn FnMut(Seq, &Record) -> ControlFlow<()>) -> Result<(), Error> {
        let (names, to, mark) = self.plan(from, to)?;
        for (index, name) in names.iter().enumerate() {
            let path = name.path();
            let (header, window) = match segment::open(&*self.disk, path, *name) {
                // Retention was faster.
                Err(Error::Io { .. }) if self.oldest() > from.next() => {
                    return Err(self.out_of_range(from));
                }
                opened => opened?,
            };
            let mut walk = Walk::new(window, &header, &self.chain);
            if let Some(mark) = mark.filter(|_| index + 1 == names.len() && mark.is_some_and(|m| m.next > walk.next)) {
                (walk.at, walk.next, walk.head) = (mark.at, mark.next, mark.head);
            }
            walk.skip_below = Seq(from.0 + 2);
            let last = names.get(index + 1).map_or(to, |next| Seq(next.base.0 - 1).min(to));
            if walk_to(&mut walk, from, last, each)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The segments with records after `from` up to `to`, and a shortcut into the last of them.
    fn plan(&self, from: Seq, to: Seq) -> Result<(Vec<Name>, Seq, Option<Mark>), Error> {
        let plan = self.view(|view| {
            if from.next() < view.oldest() || from > view.durable {
                return None;
            }
            let to = to.min(view.durable);
            if from >= to {
                return Some((Vec::new(), to, None));
            }
            let first = view.names.iter().rposition(|name| name.base <= from.next()).unwrap_or(0);
            let names: Vec<Name> = view.names[first..].iter().copied().filter(|name| name.base <= to).collect();
            let in_last = names.last() == view.names.last();
            let mark = view.marks.iter().rev().find(|mark| mark.next <= from.next()).copied();
            Some((names, to, mark.filter(|_| in_last)))
        });
        plan.ok_or_else(|| self.out_of_range(from))
    }

    fn out_of_range(&self, asked: Seq) -> Error {
        self.view(|view| Error::OutOfRange { asked, oldest: view.oldest(), durable: view.durable })
    }

    /// Reads a log without taking it over or changing anything: for looking at one that cannot be
    /// written, for instance on a full or read-only volume.
    ///
    /// # Errors
    /// As [`Log::open`](crate::Log::open); [`Error::Io`] (not found) if there is no log.
    pub fn open_read_only(disk: Arc<dyn Disk>) -> Result<ReadOnly, Error> {
        let found = recover::find(&*disk, LOG)?;
        let Some(found) = found else {
            return Err(Error::io("open", LOG)(std::io::ErrorKind::NotFound.into()));
        };
        let Found { names, chain, next, checkpoint, tail, marks, .. } = found;
        let view = View { names, durable: Seq(next.0 - 1), marks };
        Ok(ReadOnly { reader: Self::new(disk, chain, view), checkpoint, tail })
    }
}

/// A log that is only looked at.
#[derive(Debug)]
pub struct ReadOnly {
    /// Reads its records.
    pub reader: Reader,
    /// The newest checkpoint, and the last record that it covers.
    pub checkpoint: Option<(Seq, Vec<u8>)>,
    /// The records after the checkpoint.
    pub tail: Vec<(Seq, Record)>,
}

fn walk_to(
    walk: &mut Walk<'_>,
    from: Seq,
    last: Seq,
    each: &mut dyn FnMut(Seq, &Record) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    while walk.next <= last {
        match walk.step()? {
            Step::Group { records, .. } => {
                for (seq, record) in records.iter().filter(|(seq, _)| *seq > from && *seq <= last) {
                    if each(*seq, record).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Step::Broken(detail) => {
                return Err(Error::damaged(walk.window.path(), walk.at, detail));
            }
            Step::End => {
                let detail = format!("record {} should be here", walk.next);
                return Err(Error::damaged(walk.window.path(), walk.at, detail));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

//! Reading the log beside its writer: any number of threads, each sees only what is synced.

use std::{
    ops::ControlFlow,
    sync::{Arc, PoisonError, RwLock},
};

use agentd_base::Seq;

use crate::{
    archive,
    disk::{Disk, Held},
    error::Error,
    format::{Chain, HEADER, Head, Record},
    reached::Reached,
    recover::{self, Found},
    segment::{self, LOG, Name, Step, Walk},
};

/// Groups begin at multiples of this.
const GROUP_STEP: usize = 8;

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
    is_settled: bool,
}

impl Reader {
    /// Of a log that is open for writing; everything in the view is durable.
    pub(crate) fn new(disk: Arc<dyn Disk>, chain: Chain, view: View) -> Self {
        Self { disk, chain, view: Arc::new(RwLock::new(view)), is_settled: true }
    }

    fn looking(disk: Arc<dyn Disk>, chain: Chain, view: View) -> Self {
        Self { is_settled: false, ..Self::new(disk, chain, view) }
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

    /// The first number of the newest segment; one more than [`durable`](Self::durable) if nothing is in it yet.
    #[must_use]
    pub fn newest_segment(&self) -> Seq {
        self.view(|view| view.names.last().map_or(Seq(1), |name| name.base))
    }

    /// Every segment from the oldest on: its first number, and the bytes of its file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn segments(&self) -> Result<Vec<(Seq, u64)>, Error> {
        let size = |name: &Name| Ok((name.base, self.disk.open(&name.path())?.size()?));
        self.names().iter().map(|name| size(name).map_err(Error::io("look at", name.path()))).collect()
    }

    /// Keeps others from dropping anything, as [`keep`](crate::keep).
    ///
    /// # Errors
    /// As there.
    pub fn keep(&self) -> Result<Option<Arc<dyn Held>>, Error> {
        archive::keep(&*self.disk)
    }

    /// Which log this is, how far it is durable, and where it begins.
    #[must_use]
    pub fn reached(&self) -> Reached {
        self.view(|view| Reached { store: self.chain.store, seq: view.durable, first: Some(view.oldest()) })
    }

    /// Whether all that it shows is durable. The last records of a log that is only looked at may be in the system's memory
    /// alone, where a daemon that died has left them.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.is_settled
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
    /// [`Error::Damaged`] where records are lost, after all those before; [`Error::Io`].
    pub fn scan(&self, from: Seq, to: Seq, each: &mut dyn FnMut(Seq, &Record) -> ControlFlow<()>) -> Result<(), Error> {
        let mut fault = None;
        self.scan_past(from, to, &mut |piece| match piece {
            Piece::Record(seq, record) => each(seq, record),
            Piece::Lost(lost) => {
                fault = Some(lost.fault);
                ControlFlow::Break(())
            }
        })?;
        fault.map_or(Ok(()), Err)
    }

    /// The same, past what is damaged: the records that cannot be read any more are told, once for each place, and those
    /// behind them follow. Damage that costs no record is not told.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] as [`scan`](Self::scan); [`Error::Io`].
    pub fn scan_past(
        &self,
        from: Seq,
        to: Seq,
        each: &mut dyn FnMut(Piece<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let (names, to, mark) = self.plan(from, to)?;
        for (index, name) in names.iter().enumerate() {
            let path = name.path();
            let (header, window, fault) = match segment::open_damaged(&*self.disk, path, *name) {
                // Retention was faster.
                Err(Error::Io { .. }) if self.oldest() > from.next() => {
                    return Err(self.out_of_range(from));
                }
                opened => opened?,
            };
            let mut walk = Walk::new(window, &header, &self.chain);
            let begin = (walk.at, walk.next, walk.head);
            if let Some(mark) = mark.filter(|mark| index + 1 == names.len() && mark.next > walk.next) {
                (walk.at, walk.next, walk.head) = (mark.at, mark.next, mark.head);
            }
            walk.skip_below = Seq(from.0 + 2);
            let last = names.get(index + 1).map_or(to, |next| Seq(next.base.0 - 1).min(to));
            if walk_to(&mut walk, (begin, fault), (from, last), each)?.is_break() {
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
        Ok(ReadOnly { reader: Self::looking(disk, chain, view), checkpoint, tail })
    }

    /// Reads what is whole of a log that does not open, with [`scan_past`](Self::scan_past). What is open in it cannot be
    /// told: checkpoint and tail are where the damage is. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Damaged`] if not one header can be read; [`Error::NewerFormat`]; [`Error::Io`] (not found) if there is
    /// no log.
    pub fn open_damaged(disk: Arc<dyn Disk>) -> Result<Self, Error> {
        let files = disk.list(LOG).map_err(Error::io("list", LOG))?;
        let mut names: Vec<Name> = files.iter().filter_map(|file| Name::parse(file)).collect();
        names.sort_unstable();
        let Some(newest) = names.last().copied() else {
            return Err(Error::io("open", LOG)(std::io::ErrorKind::NotFound.into()));
        };
        let mut chain = None;
        for name in names.iter().rev() {
            match segment::open_cut(&*disk, name.path(), *name) {
                Ok((header, ..)) => chain = Some(Chain::new(&header.store)),
                Err(Error::Damaged { .. }) => continue,
                Err(error) => return Err(error),
            }
            break;
        }
        let chain = chain.ok_or_else(|| Error::damaged(LOG, 0, "not one segment has a header that can be read"))?;
        let view = View { names, durable: Seq(u64::MAX - 1), marks: Vec::new() };
        let reader = Self::looking(disk, chain, view);
        let before = Seq(newest.base.0 - 1);
        let mut durable = before;
        reader.scan_past(before, Seq(u64::MAX - 1), &mut |piece| {
            if let Piece::Record(seq, _) = piece {
                durable = seq;
            }
            ControlFlow::Continue(())
        })?;
        reader.update(|view| view.durable = durable);
        Ok(reader)
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

/// What a scan past damage finds.
#[derive(Debug)]
pub enum Piece<'a> {
    /// A record, whole.
    Record(Seq, &'a Record),
    /// Records that cannot be read any more.
    Lost(Lost),
}

/// Records that were durable once and cannot be read any more.
#[derive(Debug)]
pub struct Lost {
    /// The first of them.
    pub first: Seq,
    /// The last of them.
    pub last: Seq,
    /// What is damaged there.
    pub fault: Error,
}

/// Reads on to `last`. `begin` is where the first group of the segment stands, `fault` what is wrong with its header.
fn walk_to(
    walk: &mut Walk<'_>,
    (begin, mut fault): ((u64, Seq, Head), Option<Error>),
    (from, last): (Seq, Seq),
    each: &mut dyn FnMut(Piece<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    if fault.is_some() {
        // The header says nothing: the first group is searched for right behind it.
        walk.at = (HEADER - GROUP_STEP) as u64;
        walk.skip_below = Seq(0);
    }
    let mut proved = walk.skip_below == Seq(0);
    while walk.next <= last {
        if fault.is_some() && !proved {
            // Groups were stepped over unread, and the damage may be among them: now all are read.
            ((walk.at, walk.next, walk.head), walk.skip_below) = (begin, Seq(0));
            (proved, fault) = (true, None);
        }
        if let Some(fault) = fault.take() {
            let first = walk.next.max(from.next());
            let resumed = walk.resume()?;
            let end = if resumed { Seq(walk.next.0 - 1).min(last) } else { last };
            if first <= end && each(Piece::Lost(Lost { first, last: end, fault })).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if !resumed {
                break;
            }
        }
        let detail = match walk.step()? {
            Step::Group { records, .. } => {
                proved |= !records.is_empty();
                let mut asked = records.iter().filter(|(seq, _)| *seq > from && *seq <= last);
                if asked.try_for_each(|(seq, record)| each(Piece::Record(*seq, record))).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
            Step::Broken(detail) => detail,
            Step::End => format!("record {} should be here", walk.next),
        };
        fault = Some(Error::damaged(walk.window.path(), walk.at, detail));
    }
    Ok(ControlFlow::Continue(()))
}

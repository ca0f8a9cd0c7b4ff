//! The journal as a start finds it: whole, only to be looked at, or damaged.

use std::{path::Path, sync::Arc};

use agentd_base::{Seq, describe};
use agentd_journal::{Disk, Held, Log, Opened, Options, ReadOnly, Reader, RealDisk, sim::SimDisk};
use prost::Message as _;

use crate::{Error, record::Checkpoint};

/// The journal as it was found.
pub(super) struct Store {
    pub(super) log: Option<Log>,
    pub(super) reader: Reader,
    pub(super) checkpoint: Option<(Seq, Vec<u8>)>,
    pub(super) tail: Vec<(Seq, agentd_journal::Record)>,
    pub(super) epoch: u64,
    pub(super) hold: Option<Arc<dyn Held>>,
    /// Why nothing can be written.
    pub(super) read_only: Option<String>,
    /// It is damaged, and read as far as it goes.
    pub(super) broken: bool,
    /// Nothing can be read either.
    pub(super) blind: bool,
}

pub(super) fn home(state_dir: &Path) -> Result<RealDisk, Error> {
    RealDisk::new(state_dir).map_err(|source| Error::State { path: state_dir.to_owned(), source })
}

pub(crate) fn real_disk(state_dir: &Path) -> Result<Arc<dyn Disk>, Error> {
    Ok(Arc::new(home(state_dir)?))
}

pub(crate) fn of_hold(error: agentd_journal::Error, state_dir: &Path) -> Error {
    match error {
        agentd_journal::Error::Locked { pid, .. } => Error::InUse { state_dir: state_dir.to_owned(), pid },
        error => error.into(),
    }
}

/// No file may become as large as it must be.
fn is_limit(error: &agentd_journal::Error) -> bool {
    matches!(error, agentd_journal::Error::Io { source, .. } if source.kind() == std::io::ErrorKind::FileTooLarge)
}

impl Store {
    /// A log that is only looked at, and why.
    fn looked_at(found: ReadOnly, why: String, hold: Option<Arc<dyn Held>>) -> Self {
        let ReadOnly { reader, checkpoint, tail } = found;
        let (read_only, broken, blind) = (Some(why), false, false);
        Self { log: None, reader, checkpoint, tail, epoch: 0, hold, read_only, broken, blind }
    }

    fn opened(opened: Opened) -> Self {
        let Opened { log, checkpoint, tail, report } = opened;
        let (reader, hold, epoch) = (log.reader(), Some(log.hold()), report.epoch);
        let (log, read_only, broken, blind) = (Some(log), None, false, false);
        Self { log, reader, checkpoint, tail, epoch, hold, read_only, broken, blind }
    }
}

/// Opens the log for writing; failing that, for reading; failing that, for reading what is whole of it; failing that, an
/// empty one in memory stands in for it. If another process has it, nothing of all that.
pub(super) fn open(disk: &Arc<dyn Disk>, state_dir: &Path, segment_bytes: u64) -> Result<Store, Error> {
    let options = Options { segment_bytes, ..Options::default() };
    let error = match Log::open(Arc::clone(disk), options.clone()) {
        Ok(opened) => return Ok(Store::opened(opened)),
        Err(error @ agentd_journal::Error::Locked { .. }) => return Err(of_hold(error, state_dir)),
        // A limit of this process: nothing is wrong with what is stored, and every write would fail.
        Err(error) if is_limit(&error) => return Err(error.into()),
        Err(error) => error,
    };
    let why = describe(&error);
    tracing::error!(why, "the journal cannot be opened for writing");
    // What made the opening fail may keep the lock from being taken too.
    let hold = agentd_journal::hold(&**disk).ok();
    if let Ok(found) = Reader::open_read_only(Arc::clone(disk)) {
        return Ok(Store::looked_at(found, why, hold));
    }
    if let Ok(reader) = Reader::open_damaged(Arc::clone(disk)) {
        // Nothing counts as open: what was cannot be told where records are missing. The index has what has ended.
        let checkpoint = Some((reader.durable(), Checkpoint::default().encode_to_vec()));
        let found = ReadOnly { reader, checkpoint, tail: Vec::new() };
        return Ok(Store { broken: true, ..Store::looked_at(found, why, hold) });
    }
    let reader = Log::open(Arc::new(SimDisk::new(0)), Options { segment_bytes: 64 << 10, ..options })
        .map(|opened| opened.log.reader())
        .expect("a log in memory can always be made");
    let nothing = ReadOnly { reader, checkpoint: None, tail: Vec::new() };
    Ok(Store { blind: true, ..Store::looked_at(nothing, why, hold) })
}

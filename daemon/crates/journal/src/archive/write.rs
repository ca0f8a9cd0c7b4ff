//! Writing an archive: first a look at the whole log, then its bytes, the payloads, and the checksum.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    io::{self, Write},
    sync::Arc,
};

use agentd_base::{ContentHash, is_starved};

use super::{
    ABOUT, ARCHIVE_FORMAT, CHECKSUM, LOST, MIN_READER, MISSING, PIECE, Progress, Seen,
    cut::{Cut, Part, cut},
    keep,
    tar::{self, END},
};
use crate::{
    blobs::{self, Blobs},
    disk::{Disk, Held},
    error::Error,
    format::HEADER,
    reached::check_new,
    segment::LOG,
};

/// A log up to a moment. While this lives, nothing of it is dropped.
#[derive(Debug)]
pub struct Snapshot {
    disk: Arc<dyn Disk>,
    cut: Cut,
    _keep: Option<Arc<dyn Held>>,
}

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Segments.
    pub segments: u64,
    /// Records.
    pub records: u64,
    /// Payloads.
    pub payloads: u64,
    /// Payloads that should be in it, and were missing, damaged or not to be read.
    pub lost: Vec<ContentHash>,
    /// The log went further once than what is in it: what shows that, in a sentence.
    pub missing: Option<String>,
    /// Length of the archive.
    pub bytes: u64,
}

impl Snapshot {
    /// Looks at the whole log, also beside a writer that goes on: what is written from now on is not in it. `each` hears of
    /// every checkpoint and record.
    ///
    /// # Errors
    /// [`Error::NoJournal`]; [`Error::Damaged`], which may pass if a daemon was starting; [`Error::Missing`]; [`Error::Kept`];
    /// [`Error::NewerFormat`]; [`Error::Io`].
    pub fn take(disk: Arc<dyn Disk>, each: &mut dyn FnMut(Seen<'_>)) -> Result<Self, Error> {
        if !disk.exists(LOG).map_err(Error::io("look for", LOG))? {
            // None, or none any more.
            check_new(&*disk)?;
            return Err(Error::NoJournal);
        }
        let keep = keep(&*disk)?;
        let cut = cut(&*disk, LOG, each)?.ok_or(Error::NoJournal)?;
        Ok(Self { disk, cut, _keep: keep })
    }

    /// Writes the archive with these payloads, each compared with its name. Those that are missing, damaged or not to be read
    /// are left out, and the archive says so, with what stands here for each; also if the log has lost its end.
    ///
    /// # Errors
    /// [`Error::Damaged`]: the log is not what it was; [`Error::Io`] while reading the log, or if there are no descriptors or
    /// there is no memory to read a payload; [`Error::Output`] if `out` refuses.
    pub fn write<T: Display>(
        &self,
        payloads: &BTreeMap<ContentHash, T>,
        out: &mut dyn Write,
        progress: Progress<'_>,
    ) -> Result<Written, Error> {
        let blobs = Blobs::new(Arc::clone(&self.disk));
        let about = self.about(payloads.len());
        let mut total = tar::whole(about.len() as u64) + tar::whole(1) + END as u64;
        total += self.cut.parts.iter().map(|part| tar::whole(part.cut_header().size)).sum::<u64>();
        for hash in payloads.keys() {
            // What cannot be looked at cannot be read either.
            total += blobs.size(hash).map_or(0, tar::whole);
        }
        let modified = self.cut.newest_ms / 1000;
        let mut out = Out { out, hasher: blake3::Hasher::new(), done: 0, total, progress, modified };
        out.file(ABOUT.0, about.as_bytes())?;
        self.cut.parts.iter().try_for_each(|part| self.segment(part, &mut out))?;
        let (mut lost, mut lines) = (Vec::new(), String::new());
        if let Some(missing) = &self.cut.missing {
            lines.push_str(&format!("{MISSING}{missing}\n"));
        }
        for (hash, of) in payloads {
            match blobs.get(hash) {
                Err(error) if is_lost(&error) => {
                    lost.push(*hash);
                    lines.push_str(&format!("{hash} {of}\n"));
                }
                content => out.file(&blobs::path(hash), &content?)?,
            }
        }
        if !lines.is_empty() {
            out.file(LOST, lines.as_bytes())?;
        }
        let tail = tail(out.hasher.finalize(), modified);
        out.put(&tail)?;
        out.out.flush().map_err(output)?;
        Ok(Written {
            segments: self.cut.parts.len() as u64,
            records: self.cut.records,
            payloads: (payloads.len() - lost.len()) as u64,
            lost,
            missing: self.cut.missing.clone(),
            bytes: out.done,
        })
    }

    /// What is in it, for people and for readers: the first three lines never change their form.
    fn about(&self, payloads: usize) -> String {
        let mut text = format!("{}format {ARCHIVE_FORMAT}\nreader {MIN_READER}\n", ABOUT.1);
        let segments = self.cut.parts.len();
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "agentd {}\nsegments {segments}\n{}\npayloads {payloads}\n",
            env!("CARGO_PKG_VERSION"),
            records_line(&self.cut),
        );
        text
    }

    fn segment(&self, part: &Part, out: &mut Out<'_>) -> Result<(), Error> {
        let path = part.name.path();
        let header = part.cut_header();
        let file = self.disk.open(&path).map_err(Error::io("open", &path))?;
        out.entry(&path, header.size)?;
        out.put(&header.encode())?;
        let (mut at, mut piece) = (HEADER as u64, vec![0; PIECE]);
        while at < part.end {
            let wanted = (part.end - at).min(PIECE as u64) as usize;
            let read = file.read_at(at, &mut piece[..wanted]).map_err(Error::io("read", &path))?;
            if read < wanted {
                return Err(Error::damaged(path, at + read as u64, "the file was cut while it was read"));
            }
            out.put(&piece[..wanted])?;
            at += wanted as u64;
        }
        out.zeros((header.size - part.end) as usize)?;
        out.pad(header.size)
    }
}

/// Whether it is this payload alone that cannot be had. Without descriptors or memory none could be read, and all would look
/// lost.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::NoBlob { .. } | Error::Damaged { .. } => true,
        Error::Io { source, .. } => !is_starved(source) && source.kind() != io::ErrorKind::OutOfMemory,
        _ => false,
    }
}

/// Which records there are; a reader compares it with what it finds.
pub(super) fn records_line(cut: &Cut) -> String {
    format!("records {} to {}", cut.oldest(), cut.next.0.saturating_sub(1))
}

/// The archive on its way out.
struct Out<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
    done: u64,
    total: u64,
    progress: Progress<'a>,
    modified: u64,
}

impl Out<'_> {
    fn entry(&mut self, name: &str, len: u64) -> Result<(), Error> {
        self.put(&tar::header(name, len, self.modified))
    }

    fn file(&mut self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.entry(name, content.len() as u64)?;
        self.put(content)?;
        self.pad(content.len() as u64)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for piece in bytes.chunks(PIECE) {
            self.out.write_all(piece).map_err(output)?;
            self.hasher.update(piece);
            self.done += piece.len() as u64;
            // What is lost was not counted.
            (self.progress)(self.done.min(self.total), self.total);
        }
        Ok(())
    }

    fn zeros(&mut self, count: usize) -> Result<(), Error> {
        self.put(&vec![0; count])
    }

    fn pad(&mut self, len: u64) -> Result<(), Error> {
        self.zeros(tar::padding(len))
    }
}

fn output(source: io::Error) -> Error {
    Error::Output { source }
}

/// Everything from the checksum on, to the last byte.
pub(super) fn tail(hash: blake3::Hash, modified: u64) -> Vec<u8> {
    let text = format!("blake3 {}\n", hash.to_hex());
    let mut tail = tar::header(CHECKSUM, text.len() as u64, modified).to_vec();
    tail.extend_from_slice(text.as_bytes());
    tail.resize(TAIL, 0);
    tail
}

/// Length of [`tail`].
pub(super) const TAIL: usize = 2 * tar::BLOCK + END;

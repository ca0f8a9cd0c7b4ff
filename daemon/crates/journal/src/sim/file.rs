//! Content of simulated files: what a reader sees, what is durable, and the writes between.

use std::{collections::BTreeMap, io, sync::Arc};

use super::{Op, Rng, SimDisk, State};
use crate::disk::DiskFile;

/// A disk writes a sector whole or not at all.
const SECTOR: u64 = 512;

#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) cached: Vec<u8>,
    pub(super) durable: Vec<u8>,
    writes: Vec<(u64, Arc<[u8]>)>,
    lengths: Vec<usize>,
}

impl Content {
    pub(super) fn durable(content: &[u8]) -> Self {
        Self { cached: content.to_vec(), durable: content.to_vec(), ..Self::default() }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let end = offset as usize + bytes.len();
        if end > self.cached.len() {
            self.set_len(end);
        }
        self.cached[offset as usize..end].copy_from_slice(bytes);
        self.writes.push((offset, bytes.into()));
    }

    pub(super) fn set_len(&mut self, len: usize) {
        if len < self.cached.len() {
            // A later growth shows zeros again, on the platter too.
            self.writes.push((len as u64, vec![0; self.cached.len() - len].into()));
        }
        self.cached.resize(len, 0);
        self.lengths.push(len);
    }

    fn sync(&mut self) {
        self.durable.resize(self.cached.len(), 0);
        for (offset, bytes) in self.writes.drain(..) {
            let start = (offset as usize).min(self.cached.len());
            let end = (start + bytes.len()).min(self.cached.len());
            self.durable[start..end].copy_from_slice(&self.cached[start..end]);
        }
        self.lengths.clear();
    }

    /// Writes back what a disk might have written back without a sync: of every sector some version, of the length
    /// some version. Nothing stays marked as unwritten.
    fn write_back(&mut self, rng: &mut Rng) {
        let mut versions: BTreeMap<u64, Vec<(usize, &[u8])>> = BTreeMap::new();
        for (offset, bytes) in &self.writes {
            let mut done = 0;
            while done < bytes.len() {
                let at = offset + done as u64;
                let piece = (bytes.len() - done).min((SECTOR - at % SECTOR) as usize);
                versions.entry(at / SECTOR).or_default().push((at as usize, &bytes[done..done + piece]));
                done += piece;
            }
        }
        let mode = rng.below(4);
        let choose = |rng: &mut Rng, all: usize| match mode {
            0 => 0,
            1 => all,
            _ => rng.below(all as u64 + 1) as usize,
        };
        let length = match choose(rng, self.lengths.len()) {
            0 => self.durable.len(),
            version => self.lengths[version - 1],
        };
        for pieces in versions.values() {
            for (at, piece) in &pieces[..choose(rng, pieces.len())] {
                let end = at + piece.len();
                if end > self.durable.len() {
                    self.durable.resize(end, 0);
                }
                self.durable[*at..end].copy_from_slice(piece);
            }
        }
        self.durable.resize(length, 0);
        self.writes.clear();
        self.lengths.clear();
    }

    pub(super) fn crash(&mut self, rng: &mut Rng) {
        self.write_back(rng);
        self.cached.clone_from(&self.durable);
    }
}

/// A handle; useless after the process that opened it died.
#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) node: u64,
    pub(super) boot: u64,
}

impl SimFile {
    fn call<T>(&self, op: Op, run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        if self.disk.state().boot != self.boot {
            return Err(io::Error::other("the process that opened the simulated file is dead"));
        }
        self.disk.call(op, run)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.call(Op::Read, |state| {
            let content = &state.tree.file(self.node)?.cached;
            let rest = content.get(offset as usize..).unwrap_or_default();
            let len = rest.len().min(buffer.len());
            buffer[..len].copy_from_slice(&rest[..len]);
            Ok(len)
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.call(Op::Write, |state| {
            let len = state.tree.file(self.node)?.cached.len() as u64;
            state.grow((offset + bytes.len() as u64).saturating_sub(len))?;
            state.tree.file_mut(self.node)?.write(offset, bytes);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(Op::SetLen, |state| {
            let old = state.tree.file(self.node)?.cached.len() as u64;
            state.grow(len.saturating_sub(old))?;
            state.tree.file_mut(self.node)?.set_len(len as usize);
            Ok(())
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.call(Op::Read, |state| Ok(state.tree.file(self.node)?.cached.len() as u64))
    }

    fn sync_data(&self) -> io::Result<()> {
        let done = self.call(Op::Sync, |state| {
            state.tree.file_mut(self.node)?.sync();
            Ok(())
        });
        let mut state = self.disk.state();
        if done.is_err() && !state.off && state.boot == self.boot {
            // What Linux does: pages that could not be written are marked clean, and are gone with the power.
            let State { tree, rng, .. } = &mut *state;
            tree.file_mut(self.node)?.write_back(rng);
        }
        done
    }
}

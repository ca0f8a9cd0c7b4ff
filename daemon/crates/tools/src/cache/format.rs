//! The file: a head, the encoded facts one behind the other, then the index with where each stands and its checksum, then a
//! foot that says where the index begins and checks it and all answers together, so that who reads the whole file need not
//! check each. The index comes last so that facts are written as they are found. Numbers are little-endian.

use std::{fs::File, os::unix::fs::FileExt};

use super::Key;

/// The first and the last bytes of the file, with the number of this format.
pub(super) const MAGIC: &[u8; 8] = b"agfacts2";

/// Bytes of one slot in the index: key, place, length, run, checksum.
pub(super) const SLOT: u64 = 32 + 8 + 4 + 4 + 16;

/// Bytes of the foot: place of the index, number of the run, checksum of all answers, checksum of the rest, magic.
const FOOT: usize = 8 + 4 + 16 + 16 + 8;

/// The beginning of a BLAKE3 hash: 128 bits, far beyond what chance hits.
pub(super) type Sum = [u8; 16];

/// Where one answer stands.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) key: Key,
    /// First byte in the file.
    pub(super) at: u64,
    /// Length in bytes.
    pub(super) len: u32,
    /// The run that last asked for it, as far as a file was written since.
    pub(super) run: u32,
    pub(super) sum: Sum,
}

impl Slot {
    /// What it takes in the file, index included.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.len) + SLOT
    }
}

/// The answers of one file, by key.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) slots: Vec<Slot>,
    /// Counts the files that were written for the workspace.
    pub(super) run: u32,
    /// Of everything before the index.
    pub(super) answers: Sum,
}

impl Index {
    /// Reads the index of a file, and where it begins; `None`: it is not whole, or not of this format.
    pub(super) fn read(file: &File) -> Option<(Self, u64)> {
        let found = file.metadata().ok()?;
        let end = found.len().checked_sub(FOOT as u64)?;
        if !found.is_file() {
            return None;
        }
        let (mut head, mut foot) = ([0; MAGIC.len()], [0; FOOT]);
        file.read_exact_at(&mut head, 0).ok()?;
        file.read_exact_at(&mut foot, end).ok()?;
        let (start, rest) = foot.split_first_chunk::<8>()?;
        let (run, rest) = rest.split_first_chunk::<4>()?;
        let (answers, rest) = rest.split_first_chunk::<16>()?;
        let (expected, tail) = rest.split_first_chunk::<16>()?;
        let (start, run) = (u64::from_le_bytes(*start), u32::from_le_bytes(*run));
        let is_ours = head == *MAGIC && tail == MAGIC;
        if !is_ours || start < MAGIC.len() as u64 || !end.checked_sub(start)?.is_multiple_of(SLOT) {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(end - start).ok()?];
        file.read_exact_at(&mut bytes, start).ok()?;
        if check(&bytes, (start, run), answers) != *expected {
            return None;
        }
        let mut slots: Vec<Slot> = bytes.chunks_exact(SLOT as usize).map(slot).collect::<Option<_>>()?;
        slots.sort_unstable_by_key(|slot| slot.key);
        let inside = |slot: &Slot| slot.at.checked_add(slot.len.into()).is_some_and(|behind| behind <= start);
        slots.iter().all(inside).then_some((Self { slots, run, answers: *answers }, start))
    }

    /// Index and foot of a file whose answers end at `start`.
    pub(super) fn encode(&self, start: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.slots.len() * SLOT as usize + FOOT);
        for Slot { key, at, len, run, sum } in &self.slots {
            bytes.extend(key.0);
            bytes.extend(at.to_le_bytes());
            bytes.extend(len.to_le_bytes());
            bytes.extend(run.to_le_bytes());
            bytes.extend(sum);
        }
        let check = check(&bytes, (start, self.run), &self.answers);
        bytes.extend(start.to_le_bytes());
        bytes.extend(self.run.to_le_bytes());
        bytes.extend(self.answers);
        bytes.extend(check);
        bytes.extend(MAGIC);
        bytes
    }
}

fn slot(bytes: &[u8]) -> Option<Slot> {
    let (key, rest) = bytes.split_first_chunk()?;
    let (at, rest) = rest.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    let (run, rest) = rest.split_first_chunk()?;
    let sum = rest.try_into().ok()?;
    let (len, run) = (u32::from_le_bytes(*len), u32::from_le_bytes(*run));
    Some(Slot { key: Key(*key), at: u64::from_le_bytes(*at), len, run, sum })
}

/// Checksum of one answer, with its key: an answer in the wrong place does not fit.
pub(super) fn sum(key: &Key, payload: &[u8]) -> Sum {
    short(blake3::Hasher::new().update(&key.0).update(payload))
}

fn check(index: &[u8], (start, run): (u64, u32), answers: &Sum) -> Sum {
    let mut hasher = blake3::Hasher::new();
    short(hasher.update(&start.to_le_bytes()).update(&run.to_le_bytes()).update(answers).update(index))
}

pub(super) fn short(hasher: &blake3::Hasher) -> Sum {
    let mut sum = Sum::default();
    hasher.finalize_xof().fill(&mut sum);
    sum
}

//! The bytes of a segment (format 1, little-endian): a header, a checkpoint, then commit groups of records. Pure.
//!
//! Each group carries the hash of the group before it. The hash is keyed BLAKE3 (key derived from the store's id),
//! cut to 16 bytes: it shall find rot, stale and foreign groups, not stop somebody who can write to the state folder.

use agentd_base::Seq;

/// The format that this code writes.
pub const FORMAT: u16 = 1;
/// The oldest reader that understands it.
pub(crate) const MIN_READER: u16 = 1;
/// Largest body of a record, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

pub(crate) const HEADER: usize = 512;
pub(crate) const GROUP_HEADER: usize = 48;
pub(crate) const TRAILER: usize = 16;
const RECORD_HEADER: usize = 36;
/// An upper bound of a group; what claims to be larger is no group.
pub(crate) const MAX_GROUP: usize = 4 << 20;
const SEGMENT_MAGIC: &[u8; 8] = b"agentd\x01J";
const GROUP_MAGIC: u32 = 0x5052_4741;
/// Where a group has its flags, and the one there is.
const FLAGS: usize = 5;
const GOES_ON: u8 = 1;

/// Hash of a group, and so of everything before it.
pub(crate) type Head = [u8; 16];

/// One record. The journal does not look into the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The task's 16 bytes; all zero: the journal's owner itself.
    pub stream: [u8; 16],
    /// What the owner calls this kind of record.
    pub kind: u16,
    /// The version of the body's form.
    pub version: u16,
    /// Wall clock in milliseconds since 1970, for display.
    pub wall_ms: u64,
    /// The payload, at most [`MAX_BODY`] bytes.
    pub body: Vec<u8>,
}

impl Record {
    pub(crate) const fn size(&self) -> usize {
        RECORD_HEADER + self.body.len()
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

pub(crate) const fn align(len: usize) -> usize {
    len.next_multiple_of(8)
}

/// A checkpoint's length and BLAKE3 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckpointMark {
    pub(crate) len: u64,
    pub(crate) hash: [u8; 32],
}

/// The first 512 bytes of a segment. The first 12 bytes and the place of the checksum stay the same in all formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) store: [u8; 16],
    pub(crate) number: u64,
    /// The number of the first record in this segment.
    pub(crate) base: Seq,
    /// Hash of the last group of the segment before.
    pub(crate) previous: Head,
    pub(crate) epoch: u64,
    /// Length of the file.
    pub(crate) size: u64,
    pub(crate) checkpoint: Option<CheckpointMark>,
}

/// Why a header is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    Damaged(&'static str),
    Newer { format: u16, min_reader: u16 },
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[..8].copy_from_slice(SEGMENT_MAGIC);
        out[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        out[10..12].copy_from_slice(&MIN_READER.to_le_bytes());
        out[16..32].copy_from_slice(&self.store);
        out[32..40].copy_from_slice(&self.number.to_le_bytes());
        out[40..48].copy_from_slice(&self.base.0.to_le_bytes());
        out[48..64].copy_from_slice(&self.previous);
        out[64..72].copy_from_slice(&self.epoch.to_le_bytes());
        out[72..80].copy_from_slice(&self.size.to_le_bytes());
        if let Some(mark) = self.checkpoint {
            out[80..88].copy_from_slice(&mark.len.to_le_bytes());
            out[88..120].copy_from_slice(&mark.hash);
            out[120] = 1;
        }
        let crc = crc32c::crc32c(&out[..HEADER - 4]);
        out[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        if bytes.len() < HEADER || &bytes[..8] != SEGMENT_MAGIC {
            return Err(HeaderFault::Damaged("it does not begin as a segment of the journal"));
        }
        let crc = crc32c::crc32c(&bytes[..HEADER - 4]);
        if crc != u32_at(bytes, HEADER - 4) && !crate::sabotage::is(crate::sabotage::Point::HeaderCrc) {
            return Err(HeaderFault::Damaged("the header's checksum does not fit"));
        }
        let (format, min_reader) = (u16_at(bytes, 8), u16_at(bytes, 10));
        if min_reader > FORMAT && !crate::sabotage::is(crate::sabotage::Point::FormatCheck) {
            return Err(HeaderFault::Newer { format, min_reader });
        }
        let checkpoint =
            (bytes[120] & 1 == 1).then(|| CheckpointMark { len: u64_at(bytes, 80), hash: array(bytes, 88) });
        Ok(Self {
            store: array(bytes, 16),
            number: u64_at(bytes, 32),
            base: Seq(u64_at(bytes, 40)),
            previous: array(bytes, 48),
            epoch: u64_at(bytes, 64),
            size: u64_at(bytes, 72),
            checkpoint,
        })
    }

    /// Where the first group begins.
    pub(crate) fn groups_at(&self) -> u64 {
        let len = self.checkpoint.map_or(0, |mark| mark.len);
        (HEADER as u64).saturating_add(len.checked_next_multiple_of(8).unwrap_or(u64::MAX))
    }
}

/// What a group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupKind {
    Records,
    /// The log was opened for writing; the payload is the epoch.
    Opened,
    /// The log was closed, and the next opening writes over this group; or it goes on in the next segment.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) kind: GroupKind,
    /// Whole length, header and hash included.
    pub(crate) len: usize,
    pub(crate) count: u32,
    pub(crate) first: Seq,
    pub(crate) previous: Head,
    /// Of a closing mark: the next segment is durable. What is older than this flag does not look at it.
    pub(crate) goes_on: bool,
    payload: usize,
}

impl GroupHeader {
    /// The header, if the bytes are one; only its own checksum is looked at.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < GROUP_HEADER
            || u32_at(bytes, 0) != GROUP_MAGIC
            || crc32c::crc32c(&bytes[..GROUP_HEADER - 4]) != u32_at(bytes, GROUP_HEADER - 4)
        {
            return None;
        }
        let kind = match bytes[4] {
            0 => GroupKind::Records,
            1 => GroupKind::Opened,
            2 => GroupKind::Closed,
            _ => return None,
        };
        let (len, payload) = (u32_at(bytes, 8) as usize, u32_at(bytes, 40) as usize);
        if len > MAX_GROUP || len != align(GROUP_HEADER + payload + TRAILER) {
            return None;
        }
        let (count, first) = (u32_at(bytes, 12), Seq(u64_at(bytes, 16)));
        let goes_on = kind == GroupKind::Closed && bytes[FLAGS] & GOES_ON != 0;
        Some(Self { kind, len, count, first, previous: array(bytes, 24), goes_on, payload })
    }

    /// The number of the record after the group.
    pub(crate) const fn next(&self) -> Seq {
        Seq(self.first.0.saturating_add(self.count as u64))
    }
}

/// Makes and checks the hashes of one store.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) store: [u8; 16],
    key: [u8; 32],
}

impl Chain {
    pub(crate) fn new(store: &[u8; 16]) -> Self {
        Self { store: *store, key: blake3::derive_key("agentd journal 2026 chain of commit groups v1", store) }
    }

    fn hash(&self, bytes: &[u8]) -> Head {
        array(blake3::keyed_hash(&self.key, bytes).as_bytes(), 0)
    }

    /// Whether the whole group `bytes` fits its own hash.
    pub(crate) fn fits(&self, bytes: &[u8]) -> bool {
        let end = bytes.len() - TRAILER;
        self.hash(&bytes[..end]) == trailer(bytes) || crate::sabotage::is(crate::sabotage::Point::GroupHash)
    }
}

/// The hash stored at a group's end.
pub(crate) fn trailer(group: &[u8]) -> Head {
    array(group, group.len() - TRAILER)
}

/// A group that is being filled.
#[derive(Debug, Default)]
pub(crate) struct GroupBuilder {
    bytes: Vec<u8>,
    count: u32,
}

impl GroupBuilder {
    pub(crate) fn push(&mut self, record: &Record) {
        if self.bytes.is_empty() {
            self.bytes.resize(GROUP_HEADER, 0);
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&(record.body.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&record.stream);
        self.bytes.extend_from_slice(&record.kind.to_le_bytes());
        self.bytes.extend_from_slice(&record.version.to_le_bytes());
        self.bytes.extend_from_slice(&record.wall_ms.to_le_bytes());
        self.bytes.extend_from_slice(&record.body);
        let crc = record_crc(&self.bytes[start..]);
        self.bytes[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
        self.count += 1;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Length of the finished group.
    pub(crate) const fn len(&self) -> usize {
        align(self.bytes.len() + TRAILER)
    }

    pub(crate) fn seal(&mut self, first: Seq, previous: &Head, chain: &Chain) -> Head {
        seal(&mut self.bytes, (GroupKind::Records, self.count), first, previous, chain)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Empties it, and keeps some of the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(64 * 1024);
        self.count = 0;
    }
}

/// A group without records: a mark of the log itself.
pub(crate) fn mark(kind: GroupKind, epoch: u64, first: Seq, previous: &Head, chain: &Chain) -> (Vec<u8>, Head) {
    let mut bytes = vec![0; GROUP_HEADER];
    bytes.extend_from_slice(&epoch.to_le_bytes());
    let head = seal(&mut bytes, (kind, 0), first, previous, chain);
    (bytes, head)
}

/// The mark at the end of a segment whose successor is durable: without it that one could vanish unnoticed.
pub(crate) fn goes_on(epoch: u64, first: Seq, previous: &Head, chain: &Chain) -> Vec<u8> {
    let mut bytes = vec![0; GROUP_HEADER];
    bytes[FLAGS] = GOES_ON;
    bytes.extend_from_slice(&epoch.to_le_bytes());
    seal(&mut bytes, (GroupKind::Closed, 0), first, previous, chain);
    bytes
}

/// Length of a [`mark`].
pub(crate) const MARK: usize = align(GROUP_HEADER + 8 + TRAILER);

fn seal(bytes: &mut Vec<u8>, what: (GroupKind, u32), first: Seq, previous: &Head, chain: &Chain) -> Head {
    let payload = bytes.len() - GROUP_HEADER;
    let len = align(bytes.len() + TRAILER);
    bytes.resize(len, 0);
    bytes[..4].copy_from_slice(&GROUP_MAGIC.to_le_bytes());
    bytes[4] = match what.0 {
        GroupKind::Records => 0,
        GroupKind::Opened => 1,
        GroupKind::Closed => 2,
    };
    bytes[8..12].copy_from_slice(&(len as u32).to_le_bytes());
    bytes[12..16].copy_from_slice(&what.1.to_le_bytes());
    bytes[16..24].copy_from_slice(&first.0.to_le_bytes());
    bytes[24..40].copy_from_slice(previous);
    bytes[40..44].copy_from_slice(&(payload as u32).to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..GROUP_HEADER - 4]);
    bytes[GROUP_HEADER - 4..GROUP_HEADER].copy_from_slice(&crc.to_le_bytes());
    let head = chain.hash(&bytes[..len - TRAILER]);
    bytes[len - TRAILER..].copy_from_slice(&head);
    head
}

fn record_crc(record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[8..])
}

/// The epoch in a mark.
pub(crate) fn epoch_of(group: &[u8]) -> u64 {
    u64_at(group, GROUP_HEADER)
}

/// Takes the records out of a whole group, each checked against its checksum; else says which one does not fit.
pub(crate) fn records(group: &[u8], header: &GroupHeader) -> Result<Vec<(Seq, Record)>, String> {
    let mut rest = &group[GROUP_HEADER..GROUP_HEADER + header.payload];
    let mut out = Vec::with_capacity(header.count.min(4096) as usize);
    for number in header.first.0..header.next().0 {
        let cut = || format!("record {number} goes beyond its group");
        let len = rest.get(..4).map(|len| u32_at(len, 0) as usize).ok_or_else(cut)?;
        let record = rest.get(..RECORD_HEADER.saturating_add(len)).ok_or_else(cut)?;
        if record_crc(record) != u32_at(record, 4) && !crate::sabotage::is(crate::sabotage::Point::RecordCrc) {
            return Err(format!("the checksum of record {number} does not fit"));
        }
        out.push((Seq(number), decode(record)));
        rest = &rest[record.len()..];
    }
    Ok(out)
}

fn decode(record: &[u8]) -> Record {
    Record {
        stream: array(record, 8),
        kind: u16_at(record, 24),
        version: u16_at(record, 26),
        wall_ms: u64_at(record, 28),
        body: record[RECORD_HEADER..].to_vec(),
    }
}

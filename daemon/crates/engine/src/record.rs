//! What the journal keeps, as bytes: one kind number and one message per event. Kinds and field numbers are for ever;
//! a change adds fields or a new kind beside the old. Step names are written out, so that a record can be read alone.

use agentd_agents::PayloadRef;
use agentd_base::{ContentHash, ErrorClass, Role, StepId, TaskId, Text, WallMs};
use agentd_journal::Record;
use agentd_workflow::Silence;
use bytes::Bytes;
use prost::Message;

use crate::Error;

/// Version of the bodies below. Readers accept this one and the one before.
pub(crate) const VERSION: u16 = 1;

macro_rules! entries {
    ($($variant:ident = $kind:literal),+ $(,)?) => {
        /// One event of one task, or of the daemon itself.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Entry { $($variant($variant)),+ }

        impl Entry {
            /// Packs the entry for the journal. `task` is `None` for entries of the daemon itself.
            pub(crate) fn to_record(&self, task: Option<TaskId>, at: WallMs) -> Record {
                let (kind, body) = match self { $(Self::$variant(entry) => ($kind, entry.encode_to_vec())),+ };
                let stream = task.map_or([0; 16], TaskId::to_bytes);
                Record { stream, kind, version: VERSION, wall_ms: at.0, body }
            }

            /// Unpacks a record.
            ///
            /// # Errors
            /// `Damaged` for a body that is none of this kind, or a kind that this version does not know.
            pub(crate) fn of_record(record: &Record) -> Result<Self, Error> {
                let body = record.body.as_slice();
                match record.kind {
                    $($kind => $variant::decode(body).map(Self::$variant),)+
                    kind => return Err(Error::UnknownRecord { kind, version: record.version }),
                }
                .map_err(|source| Error::BadRecord { kind: record.kind, source })
            }
        }

        $(impl From<$variant> for Entry {
            fn from(entry: $variant) -> Self {
                Self::$variant(entry)
            }
        })+
    };
}

entries! {
    Submitted = 1,
    Started = 2,
    Succeeded = 3,
    Failed = 4,
    CancelRequested = 5,
    Ended = 6,
    Recovered = 7,
    Suspended = 8,
    EffectIntended = 9,
    EffectDone = 10,
    Booted = 11,
    Stopped = 12,
}

/// A task was accepted.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Submitted {
    #[prost(string, tag = "1")]
    pub request: String,
    #[prost(string, optional, tag = "2")]
    pub workspace: Option<String>,
    #[prost(string, tag = "3")]
    pub workflow: String,
    #[prost(string, optional, tag = "4")]
    pub key: Option<String>,
    /// Hash of what was asked, so that the same key with another request is refused.
    #[prost(bytes = "vec", tag = "5")]
    pub fingerprint: Vec<u8>,
    /// 0 low, 1 normal, 2 high.
    #[prost(uint32, tag = "6")]
    pub priority: u32,
    #[prost(string, optional, tag = "7")]
    pub prefer: Option<String>,
    #[prost(bool, tag = "8")]
    pub quiet: bool,
    #[prost(uint64, optional, tag = "9")]
    pub expected_ms: Option<u64>,
    #[prost(string, optional, tag = "10")]
    pub path: Option<String>,
    /// The graph that the task keeps for its whole life, also under a newer program.
    #[prost(message, repeated, tag = "11")]
    pub steps: Vec<StepRecord>,
}

/// One step of a task's graph.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StepRecord {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub role: String,
    #[prost(string, tag = "3")]
    pub action: String,
    #[prost(uint32, repeated, tag = "4")]
    pub needs: Vec<u32>,
    #[prost(uint64, tag = "5")]
    pub limit_ms: u64,
}

/// An attempt was given to an agent.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Started {
    #[prost(uint32, tag = "1")]
    pub step: u32,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(uint32, tag = "3")]
    pub attempt: u32,
    #[prost(string, tag = "4")]
    pub agent: String,
}

/// A step is done.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Succeeded {
    #[prost(uint32, tag = "1")]
    pub step: u32,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(uint32, tag = "3")]
    pub attempt: u32,
    #[prost(uint64, tag = "4")]
    pub took_us: u64,
    #[prost(string, tag = "5")]
    pub summary: String,
    #[prost(message, optional, tag = "6")]
    pub output: Option<Payload>,
    #[prost(message, repeated, tag = "7")]
    pub documents: Vec<DocumentRecord>,
}

/// Bytes, or where they are stored.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Payload {
    #[prost(bytes = "bytes", tag = "1")]
    pub inline: Bytes,
    /// 32 bytes, or empty for inline.
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub len: u64,
}

/// A result that a user can read.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DocumentRecord {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub media_type: String,
    #[prost(message, optional, tag = "3")]
    pub content: Option<Payload>,
}

/// An attempt ended in a fault.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Failed {
    #[prost(uint32, tag = "1")]
    pub step: u32,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(uint32, tag = "3")]
    pub attempt: u32,
    #[prost(string, tag = "4")]
    pub class: String,
    #[prost(string, tag = "5")]
    pub message: String,
    /// Present if another attempt follows, after this time.
    #[prost(uint64, optional, tag = "6")]
    pub retry_in_ms: Option<u64>,
}

/// Someone asked for the task's end.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CancelRequested {}

/// The task ended.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ended {
    /// `succeeded`, `failed` or `cancelled`.
    #[prost(string, tag = "1")]
    pub state: String,
    #[prost(string, tag = "2")]
    pub summary: String,
    #[prost(message, repeated, tag = "3")]
    pub documents: Vec<DocumentRecord>,
}

/// The daemon died while these steps of the task were in flight; they start again.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Recovered {
    #[prost(uint32, repeated, tag = "1")]
    pub steps: Vec<u32>,
    #[prost(string, repeated, tag = "2")]
    pub names: Vec<String>,
    /// Those of them against which the death counts.
    #[prost(uint32, repeated, tag = "3")]
    pub strikes: Vec<u32>,
}

/// An attempt ended without a fault of its own; the step starts again unless the task is coming to its end.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Suspended {
    #[prost(uint32, tag = "1")]
    pub step: u32,
    #[prost(string, tag = "2")]
    pub name: String,
    /// 0: its agent was not silent. 1: it was, and held other steps too. 2: it was, and held this one alone.
    #[prost(uint32, tag = "3")]
    pub silence: u32,
    /// The task was coming to its end, so the step was stopped for good. Versions that did not say so leave it out.
    #[prost(bool, tag = "4")]
    pub for_good: bool,
}

/// A change outside the daemon is about to happen.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EffectIntended {
    #[prost(uint32, tag = "1")]
    pub step: u32,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(uint32, tag = "3")]
    pub attempt: u32,
    /// The intent as JSON, as `agentd_base::EffectIntent` writes it.
    #[prost(string, tag = "4")]
    pub intent: String,
}

/// It has happened.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EffectDone {
    #[prost(uint32, tag = "1")]
    pub step: u32,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(uint32, tag = "3")]
    pub attempt: u32,
    #[prost(string, tag = "4")]
    pub intent: String,
}

/// The daemon started. Written with the first record of its life, so an idle start writes nothing.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Booted {
    /// Which start of the machine; deaths across it are nobody's fault.
    #[prost(string, tag = "1")]
    pub boot_id: String,
    #[prost(string, tag = "2")]
    pub version: String,
}

/// The daemon stopped in order: whatever was in flight is suspended above.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Stopped {}

/// Everything that a new segment needs to stand alone: the records of all open tasks, and of the daemon's newest start.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Checkpoint {
    #[prost(message, repeated, tag = "1")]
    pub records: Vec<NumberedRecord>,
    /// 16 bytes: the newest task that there ever was, also if it has ended. Empty: none, or written by a version that did
    /// not say so.
    #[prost(bytes = "vec", tag = "2")]
    pub newest: Vec<u8>,
}

/// A journal record with its number.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NumberedRecord {
    #[prost(uint64, tag = "1")]
    pub seq: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub stream: Vec<u8>,
    #[prost(uint32, tag = "3")]
    pub kind: u32,
    #[prost(uint32, tag = "4")]
    pub version: u32,
    #[prost(uint64, tag = "5")]
    pub wall_ms: u64,
    #[prost(bytes = "vec", tag = "6")]
    pub body: Vec<u8>,
}

impl Payload {
    pub(crate) fn of(payload: &PayloadRef) -> Self {
        match payload {
            PayloadRef::Inline(bytes) => Self { inline: bytes.clone(), hash: Vec::new(), len: bytes.len() as u64 },
            PayloadRef::Stored { hash, len } => Self { inline: Bytes::new(), hash: hash.0.to_vec(), len: *len },
        }
    }

    pub(crate) fn to_ref(&self) -> PayloadRef {
        match <[u8; 32]>::try_from(self.hash.as_slice()) {
            Ok(hash) => PayloadRef::Stored { hash: ContentHash(hash), len: self.len },
            Err(_) => PayloadRef::Inline(self.inline.clone()),
        }
    }

    /// Name of the content, stored or not.
    pub(crate) fn content_hash(&self) -> ContentHash {
        match self.to_ref() {
            PayloadRef::Stored { hash, .. } => hash,
            PayloadRef::Inline(bytes) => ContentHash::of(&bytes),
        }
    }
}

/// The step number in a record. Numbers come from our own graphs and fit; anything else names no step.
pub(crate) fn step_id(number: u32) -> StepId {
    StepId(u16::try_from(number).unwrap_or(u16::MAX))
}

pub(crate) const fn silence_of(number: u32) -> Silence {
    match number {
        0 => Silence::None,
        1 => Silence::Beside,
        _ => Silence::Alone,
    }
}

pub(crate) const fn silence_number(silence: Silence) -> u32 {
    match silence {
        Silence::None => 0,
        Silence::Beside => 1,
        Silence::Alone => 2,
    }
}

pub(crate) fn role_of(name: &str) -> Option<Role> {
    name.parse().ok()
}

/// A class by the name under which it is written; one that this version does not know is a fault inside.
pub(crate) fn class_of(name: &str) -> ErrorClass {
    name.parse().unwrap_or(ErrorClass::Internal)
}

/// Documents as records.
pub(crate) fn document_records(documents: &[agentd_agents::Document]) -> Vec<DocumentRecord> {
    let record = |document: &agentd_agents::Document| DocumentRecord {
        name: document.name.to_string(),
        media_type: document.media_type.to_string(),
        content: Some(Payload::of(&document.content)),
    };
    documents.iter().map(record).collect()
}

/// Documents as others see them.
pub(crate) fn document_views(records: &[DocumentRecord]) -> Vec<crate::view::DocumentView> {
    let view = |record: &DocumentRecord| {
        let content = record.content.clone().unwrap_or_default();
        crate::view::DocumentView {
            name: Text::new(record.name.clone()),
            media_type: Text::new(record.media_type.clone()),
            bytes: content.len,
            hash: content.content_hash(),
        }
    };
    records.iter().map(view).collect()
}

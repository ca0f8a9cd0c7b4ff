//! The contract between agentd and its clients: generated messages and services, the protocol number,
//! where the socket is, which limits both sides keep, and which exit code an error becomes.

pub mod codes;
pub mod doctor;
pub mod limits;
pub mod rendezvous;

/// Times in messages; shown as RFC 3339 in UTC.
pub use prost_types::Timestamp;

/// Number of the protocol spoken here. Raised when a client must know more than additive fields.
pub const PROTOCOL_VERSION: u32 = 1;

/// Oldest protocol that this version still speaks.
pub const OLDEST_PROTOCOL_VERSION: u32 = 1;

/// Compiled description of every message and service, for reflection and for the additive-only check.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/agentd.binpb"));

/// Messages and services of `agentd.v1`; their documentation stands in `proto/agentd/v1/*.proto`.
#[allow(missing_docs, unreachable_pub, missing_debug_implementations, clippy::all, reason = "generated code")]
#[allow(clippy::use_self, clippy::or_fun_call, clippy::unwrap_used, reason = "generated code")]
#[allow(clippy::allow_attributes_without_reason, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("agentd.v1");
}

//! Limits and header names that both sides state: the client refuses early and in plain words what the daemon would
//! refuse anyway.

/// Longest text of a task's request, in bytes.
pub const MAX_TASK_TEXT_BYTES: usize = 32 << 10;

/// Largest `SubmitRequest`, in bytes as encoded.
pub const MAX_SUBMIT_BYTES: usize = 64 << 10;

/// Longest idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 128;

/// Most tasks on one page of `List`.
pub const MAX_PAGE_SIZE: u32 = 1000;

/// Largest `DocumentChunk`, in bytes of content.
pub const MAX_CHUNK_BYTES: usize = 64 << 10;

/// Seconds after which a quiet `Watch` sends a heartbeat.
pub const HEARTBEAT_SECONDS: u64 = 15;

/// Longest time that `Shutdown` gives running steps, in milliseconds.
pub const MAX_GRACE_MS: u32 = 3000;

/// Trailer of a RESOURCE_EXHAUSTED answer: milliseconds after which another try is worth it, in decimal digits.
pub const RETRY_AFTER_TRAILER: &str = "retry-after-ms";

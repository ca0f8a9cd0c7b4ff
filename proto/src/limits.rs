//! Limits and header names that both sides keep: the daemon refuses what is beyond them, the client says so early and in
//! plain words.

use std::time::Duration;

/// Longest text of a task's request, in bytes.
pub const MAX_TASK_TEXT_BYTES: usize = 32 << 10;

/// Longest idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 128;

/// Longest path of a folder, in bytes: `PATH_MAX` of Linux; macOS allows less.
pub const MAX_PATH_BYTES: usize = 4 << 10;

/// Longest PATH variable, in bytes; long ones have about 4 KiB.
pub const MAX_SEARCH_PATH_BYTES: usize = 16 << 10;

/// Longest name of a document, a workflow or an agent, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// Largest `SubmitRequest`, in bytes as encoded: all of its fields at their longest, and room for their headers.
pub const MAX_SUBMIT_BYTES: usize =
    MAX_TASK_TEXT_BYTES + MAX_KEY_BYTES + MAX_PATH_BYTES + MAX_SEARCH_PATH_BYTES + 2 * MAX_NAME_BYTES + 128;

/// Most tasks on one page of `List`.
pub const MAX_PAGE_SIZE: u32 = 1000;

/// Largest `DocumentChunk`, in bytes of content.
pub const MAX_CHUNK_BYTES: usize = 64 << 10;

/// Seconds after which a quiet `Watch` sends a heartbeat.
pub const HEARTBEAT_SECONDS: u64 = 15;

/// Longest time that `Shutdown` gives running steps, in milliseconds.
pub const MAX_GRACE_MS: u32 = 3000;

/// How many deaths of the daemon a step is given up after: the first may blame nobody, and then it has its strikes. Whoever brings
/// the daemon back so often has done enough.
pub const DEATHS_OF_A_STEP: u32 = 4;

/// How long a call may take that is answered once; what takes longer hangs. Streams are not limited.
pub const CALL_LIMIT: Duration = Duration::from_secs(30);

/// How long a call may take that reads the whole journal: `VerifyJournal` and `RebuildIndex`.
pub const JOURNAL_LIMIT: Duration = Duration::from_secs(600);

/// Trailer of a RESOURCE_EXHAUSTED answer: milliseconds after which another try is worth it, in decimal digits.
pub const RETRY_AFTER_TRAILER: &str = "retry-after-ms";

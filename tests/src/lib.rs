//! Harness of the tests: real daemons, folders to work on, the repository and its packages, its sources, and what was
//! skipped.

pub mod bench;
pub mod client;
pub mod daemon;
pub mod fixture;
pub mod gate;
pub mod metadata;
pub mod process;
pub mod raw;
pub mod repo;
pub mod skip;
pub mod source;

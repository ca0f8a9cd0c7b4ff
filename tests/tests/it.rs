//! The whole, as users meet it: built programs, real sockets, real folders. One program, so that it links once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures and seeds are shown, not asserted")]
#![allow(clippy::disallowed_methods, reason = "tests start programs and threads, and have runtimes of their own")]
#![allow(clippy::large_futures, reason = "a test's future is polled once and never moved")]

#[path = "it/archive.rs"]
mod archive;
#[path = "it/bench.rs"]
mod bench;
#[path = "it/cli.rs"]
mod cli;
#[path = "it/doctor.rs"]
mod doctor;
#[path = "it/documents.rs"]
mod documents;
#[path = "it/findings.rs"]
mod findings;
#[path = "it/flood.rs"]
mod flood;
#[path = "it/history.rs"]
mod history;
#[path = "it/hostile.rs"]
mod hostile;
#[path = "it/interop.rs"]
mod interop;
#[path = "it/job.rs"]
mod job;
#[path = "it/managed.rs"]
mod managed;
#[path = "it/meeting.rs"]
mod meeting;
#[path = "it/polyglot.rs"]
mod polyglot;
#[path = "it/service.rs"]
mod service;
#[path = "it/steps.rs"]
mod steps;
#[path = "it/tasks.rs"]
mod tasks;
#[path = "it/watchers.rs"]
mod watchers;
#[path = "it/workspaces.rs"]
mod workspaces;

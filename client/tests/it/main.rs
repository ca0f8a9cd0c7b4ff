//! The real `agentd-cli` against a scripted daemon: a gRPC server of `agentd.v1` on a Unix socket in this process.
#![allow(clippy::disallowed_methods, reason = "tests run processes, threads and runtimes of their own")]
#![allow(missing_docs, unreachable_pub, reason = "no library")]
#![allow(clippy::unwrap_used, reason = "what does not work here fails the test")]

mod bench;
mod cli;
mod fake;
mod program;
mod snapshot;

mod archive;
mod daemon_start;
mod doctor;
mod documents;
mod help;
mod lock;
mod meeting;
mod output;
#[cfg(target_os = "linux")]
mod service;
mod shapes;
mod submit;
#[cfg(target_os = "linux")]
mod terminal;
mod told;
mod watch;

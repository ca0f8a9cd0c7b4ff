//! The terminal client of agentd. Knows the daemon only through `agentd-proto`; prints only through `ui`.

mod attend;
pub mod bench;
pub mod cli;
pub mod commands;
pub mod connect;
pub mod context;
pub mod doctor;
mod document;
pub mod env;
pub mod error;
mod file;
pub mod follow;
mod near;
pub mod owner;
pub mod retry;
pub mod service;
pub mod shape;
pub mod short;
pub mod start;
pub mod stats;
pub mod task;
mod told;
pub mod ui;

pub use cli::run;

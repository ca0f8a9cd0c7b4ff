//! The daemon: what it was told (`config`), that it is the only one and where it is met (`lifecycle`), what it answers
//! (`rpc`), and how it is put together, run and stopped (`app`).

pub mod app;
pub mod args;
pub mod config;
mod error;
pub mod lifecycle;
pub mod rpc;
pub mod sabotage;

pub use agentd_base::describe;
pub use app::App;
pub use error::Error;

//! One file per command: its arguments, whose doc comments are the help text, and its `run`.
//!
//! Only `submit`, `start` and `doctor --start` start a daemon that does not run; `bench` starts one of its own, elsewhere.
//! All others look at one, or change the one there is: they say that none runs, how to start it, and end with exit code 4
//! (`stop` is content, and `doctor` looks at what needs none).

pub mod agents;
pub mod bench;
pub mod cancel;
pub mod completions;
pub mod config;
pub mod doctor;
pub mod journal;
pub mod list;
pub mod man;
pub mod rules;
pub mod service;
pub mod show;
pub mod start;
pub mod stats;
pub mod status;
pub mod stop;
pub mod submit;
pub mod watch;

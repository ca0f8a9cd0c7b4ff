//! One daemon per state folder, met at one socket, stopped in one order, with a log of its own.

pub mod archive;
pub mod check;
pub mod environment;
pub mod lock;
pub mod log;
pub mod owner;
pub mod premises;
pub mod service;
pub mod socket;
pub mod state_dir;
pub mod stop;

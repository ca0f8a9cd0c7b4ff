//! One daemon per state folder, met at one socket, stopped in one order, with a log of its own.

pub mod lock;
pub mod log;
pub mod owner;
pub mod socket;
pub mod state_dir;
pub mod stop;

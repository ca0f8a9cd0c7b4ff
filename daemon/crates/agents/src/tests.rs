//! Tests with real threads, real folders and an `Outside` over a temporary folder.

mod actions;
mod apart;
mod asleep;
mod cache;
mod crew;
mod effects;
mod history;
mod pieces;
mod replace;
mod restart;
mod seats;
mod support;

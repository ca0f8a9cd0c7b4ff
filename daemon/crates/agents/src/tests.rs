//! Tests with real threads, real folders and an `Outside` over a temporary folder.

mod actions;
mod crew;
mod effects;
mod pieces;
mod replace;
mod support;

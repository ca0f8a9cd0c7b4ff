//! Tests with real threads, real folders and an `Outside` over a temporary folder.

mod actions;
mod cache;
mod crew;
mod effects;
mod pieces;
mod replace;
mod support;

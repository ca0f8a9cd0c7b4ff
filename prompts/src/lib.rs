//! Prompts as typed constants: the twelve personas, one per role, compiled into the program.

mod persona;

pub use persona::{Output, Persona, Tier, personas};

//! What can be typed.

pub mod flags;
pub mod help;

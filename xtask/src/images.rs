//! The images: the checkouts they come from, and what is missing.

pub mod checkouts;
pub mod missing;

//! The images: the checkouts they come from, and what is missing.

pub(crate) mod build;
pub mod missing;
mod old_builder;
pub(crate) mod registry;
pub(crate) mod stand_ins;

//! The images: the checkouts they come from, and what is missing.

pub(crate) mod build;
pub(crate) mod checkouts;
pub mod missing;
pub(crate) mod registry;
pub(crate) mod stand_ins;

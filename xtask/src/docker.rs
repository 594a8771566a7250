//! The engine, its images, containers and ports. No service is known by name here.

pub(crate) mod containers;
pub(crate) mod endpoint;
pub(crate) mod engine;
pub(crate) mod ports;
pub(crate) mod sight;
pub(crate) mod supply;

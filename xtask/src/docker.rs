//! The engine, its images, containers and ports. No service is known by name here.

pub mod containers;
pub mod endpoint;
pub mod engine;
pub mod ports;

//! The machine that we run on: processes, files, time, the terminal.

pub(crate) mod beside;
pub mod children;
pub(crate) mod confirm;
pub mod exit;
pub(crate) mod few;
pub mod files;
pub mod finding;
pub mod interrupt;
pub mod json;
pub(crate) mod lock;
pub(crate) mod process;
pub(crate) mod supervise;
pub(crate) mod table;
pub mod term;
pub(crate) mod time;
pub mod yaml;

//! The machine that we run on: processes, files, time, the terminal.

pub mod confirm;
pub mod exit;
pub mod files;
pub mod finding;
pub mod interrupt;
pub mod lock;
pub mod process;
pub mod supervise;
pub mod table;
pub mod term;
pub mod time;

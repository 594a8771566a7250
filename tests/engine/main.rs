//! The real binary, the real compose files and real containers. `cargo xtask test` makes the images that these need.

mod alone;
mod bad_times;
mod builds;
mod clock;
mod failures;
mod faults;
mod healing;
mod interruptions;
mod neighbours;
mod personal;
mod secrets;
mod signals;
mod snapshots;
mod upgrade;

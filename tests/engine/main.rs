//! The real binary, the real compose files and real containers. `tests/images/build` makes the images that these need.

mod alone;
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

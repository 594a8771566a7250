//! What the contract and engine tests share.

pub mod checkout;
pub mod engine;
pub mod fakes;
pub mod terraform;

use std::path::PathBuf;

/// The repository's root folder.
#[must_use]
pub fn repo_root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests crate is a folder of the repository").to_path_buf()
}

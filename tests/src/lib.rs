//! What the contract and engine tests share.

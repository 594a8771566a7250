//! What takes the whole machine. Tests start in the order of their names, so that these come first and keep none waiting.

mod lifecycle;
mod schema;

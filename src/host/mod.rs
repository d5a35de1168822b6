//! The machine itself.

pub mod machine;

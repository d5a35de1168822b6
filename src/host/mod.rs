//! The machine itself.

pub mod device;
pub mod machine;

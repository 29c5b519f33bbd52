//! What runs a function, and the questions to the world that are no calls of AWS. It must not know what a function is for.

pub mod probe;
pub mod resolver;
pub mod runtime;

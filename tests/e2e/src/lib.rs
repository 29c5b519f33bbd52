//! What the end-to-end tests share: the deployed stack on the local AWS, executions, events, and questions
//! to the world. It judges nothing itself, and it must not know how the functions work.

mod backend;
mod events;
mod retired;
mod traces;
mod world;

pub use backend::Backend;
pub use events::Events;
pub use retired::{named, traces_of_ours};
pub use traces::{Finding, Place, Traces};
pub use world::{Call, Ended, World, request, retirement};

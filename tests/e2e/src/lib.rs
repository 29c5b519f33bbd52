//! What the end-to-end tests share: the deployed stack on the local AWS, executions, events, and questions
//! to the world. It judges nothing itself, and it must not know how the functions work.

mod asking;
mod backend;
mod events;
mod function;
mod preflight;
mod retired;
mod runs;
mod schemas;
mod second_stack;
mod socket;
mod traces;
mod world;

pub use asking::{Answers, Asking};
pub use backend::Backend;
pub use events::Events;
pub use retired::{named, traces_of_ours};
pub use runs::{calls_of_run, full_run_again, owned, writes};
pub use schemas::problems;
pub use second_stack::SecondStack;
pub use socket::Socket;
pub use traces::{Finding, Place, Traces};
pub use world::{Call, Ended, World, request, retirement};

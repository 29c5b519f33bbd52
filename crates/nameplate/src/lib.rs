//! What every Nameplate function shares, in four rooms above the words that all of them use:
//!
//! - [`request`]: what a user asks for, read and checked;
//! - [`resource`]: for each kind of thing how it stands, how it is wanted, and the difference;
//! - [`contract`]: what steps hand to each other, what users get, and the names in the table;
//! - [`function`]: what runs a function, and the questions to the world that are no calls of AWS.
//!
//! It knows no AWS service: there is no `aws-sdk-*` dependency here, and nothing here makes a call to one.

pub mod contract;
pub mod domain;
pub mod error;
pub mod function;
pub mod request;
pub mod resource;
pub mod secret;
pub mod token;

pub use domain::{DomainName, Hostname};
pub use error::{Class, StepError};
pub use request::Request;
pub use request::retire::RetireRequest;

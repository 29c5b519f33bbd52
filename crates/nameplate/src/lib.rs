//! What every Nameplate function shares: names, the request and the result, the contract between the
//! steps, error classes, configuration and the Lambda wrapper.
//!
//! It knows no AWS service: there is no `aws-sdk-*` dependency here, and nothing here makes a call to one.

pub mod aliases;
pub mod contact;
pub mod contract;
pub mod delegation;
pub mod desired;
pub mod difference;
pub mod domain;
pub mod error;
pub mod event;
pub mod probe;
pub mod purchase;
pub mod records;
pub mod request;
pub mod result;
pub mod retire;
pub mod runtime;
pub mod secret;
pub mod table;
pub mod tags;
pub mod token;
pub mod validation;
pub mod zones;

pub use domain::{DomainName, Hostname};
pub use error::{Class, StepError};
pub use request::Request;
pub use retire::RetireRequest;

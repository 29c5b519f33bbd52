//! How things stand in AWS: every call that only reads, one module and one cargo feature for each service.
//!
//! A function here is one question: a single call, or all pages of a list. What is not there is `None`, errors are
//! classified by [`nameplate::error::classify`], and answers are the plain types of [`nameplate::resource`].
//! Whoever calls decides whether a question is asked again. Nothing here writes, and nothing here compares.
//!
//! Functions are called by their whole path (`observe::apigateway::custom_domain(…)`): the contract tests follow it from
//! a function's code to the permission that its role needs.

#[cfg(feature = "account")]
pub mod account;
#[cfg(feature = "acm")]
pub mod acm;
#[cfg(feature = "apigateway")]
pub mod apigateway;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "logs")]
pub mod logs;
#[cfg(feature = "route53")]
pub mod route53;
#[cfg(feature = "route53domains")]
pub mod route53domains;

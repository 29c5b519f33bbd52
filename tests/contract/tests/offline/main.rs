//! The offline contract tests: definition, template, functions and shared library agree with one another.
//! Nothing here runs AWS, an emulator or a function. One module for each kind of agreement.

mod bounds;
mod circles;
mod definition;
mod dependencies;
mod facts;
mod jsonata;
mod names;
mod payloads;
mod permissions;
mod questions;
mod read;
mod sdk;
mod secrets;
mod sources;
mod states;
mod tidy;
mod undeliverable;

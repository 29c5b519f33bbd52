//! For each kind of thing: how it stands, how it is wanted, and the difference between the two.
//! A step applies the difference, a plan prints it, a retirement reads the same types. Pure: nothing here may know the
//! SDK or make a call.

pub mod alias;
pub mod api;
pub mod certificate;
pub mod custom_domain;
pub mod difference;
pub mod hosted_zone;
pub mod record;
pub mod registration;
pub mod tags;
pub mod thing;
pub mod validation_record;

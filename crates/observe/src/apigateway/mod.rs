//! API Gateway's second version: APIs with what hangs below them, and custom domains.

mod api;
mod custom_domain;

pub use api::*;
pub use custom_domain::*;

/// Elements per page. API Gateway pages only when it is asked for a page size.
const PAGE_SIZE: &str = "500";

/// What a service says is not there.
const NOT_FOUND: &str = "NotFoundException";

//! Which route of an API a request takes, and what its path says. Must not know what a route leads to.

use http::Method;
use serde_json::Value;

use crate::apis;
use crate::local::Local;

/// The route of an HTTP API that a request takes.
pub(crate) async fn taken(local: &Local, api: &str, method: &Method, path: &str) -> Option<Value> {
    let routes = apis::items(local, api, "routes").await;
    best_route(&routes, method.as_str(), path).cloned()
}

/// The route that a request takes: full match before greedy before `$default` (AWS-FACTS 4.1.6).
fn best_route<'a>(routes: &'a [Value], method: &str, path: &str) -> Option<&'a Value> {
    let rank = |route: &Value| {
        let key = route["routeKey"].as_str()?;
        if key == "$default" {
            return Some((2, 0, 0));
        }
        let (of, pattern) = key.split_once(' ')?;
        if of != "ANY" && of != method {
            return None;
        }
        let variables = match_path(pattern, path)?;
        Some((usize::from(pattern.contains("+}")), variables.len(), usize::from(of == "ANY")))
    };
    routes.iter().filter_map(|route| Some((rank(route)?, route))).min_by_key(|(rank, _)| *rank).map(|(_, route)| route)
}

/// The variables of a route's path in a request's.
pub(crate) fn match_path(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut variables = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    for part in pattern.split('/').skip(1) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => {
                    let rest: Vec<&str> = segments.by_ref().collect();
                    variables.push((name.to_owned(), rest.join("/")));
                }
                None => variables.push((name.to_owned(), segments.next()?.to_owned())),
            },
            None => {
                if segments.next()? != part {
                    return None;
                }
            }
        }
    }
    segments.peek().is_none().then_some(variables)
}

#[cfg(test)]
mod tests;

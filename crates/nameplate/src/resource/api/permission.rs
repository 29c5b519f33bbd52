//! The statements in functions' policies by which an API of ours may call them: one for each route that calls the
//! function and each authorizer that asks it.

use std::collections::BTreeSet;

use serde_json::Value;
use strum::VariantArray;

use super::{Access, Changes, Standing, Target, authorizers_of};
use crate::request::Request;
use crate::resource::difference::{Attribute, Difference, Differences};
use crate::token;

/// Start of the id of each statement of ours in a function's policy.
pub const STATEMENT_PREFIX: &str = "nameplate-";

/// On whose behalf an API calls a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority<'a> {
    /// A route, by its key.
    Route(&'a str),
    /// An authorizer, by its id.
    Authorizer(&'a str),
}

/// The id of a statement: a hash of all that it says, so the same for every attempt.
pub fn statement_id(api_id: &str, authority: Authority<'_>, function: &str) -> String {
    let key = match authority {
        Authority::Route(key) => key.to_owned(),
        Authority::Authorizer(id) => format!("authorizer {id}"),
    };
    format!("{STATEMENT_PREFIX}{}", token::token(api_id, &format!("{function} {key}")))
}

/// Ids of the statements in a policy by which we let the API call the function, those of earlier routes included.
pub fn statements_for(policy: &str, api_id: &str) -> BTreeSet<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let from_the_api = |statement: &Value| {
        let conditions = statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values());
        let sources = conditions.filter_map(|keys| {
            keys.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))?.1.as_str()
        });
        sources.into_iter().any(|arn| {
            let mut parts = arn.split(':');
            parts.nth(2) == Some("execute-api") && parts.nth(2).and_then(|rest| rest.split('/').next()) == Some(api_id)
        })
    };
    statements
        .iter()
        .filter(|statement| from_the_api(statement))
        .filter_map(|statement| statement["Sid"].as_str())
        .filter(|sid| sid.starts_with(STATEMENT_PREFIX))
        .map(str::to_owned)
        .collect()
}

/// What of functions' policies a run writes that is no matter of a route or authorizer which is made or changed: those
/// are permitted as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum PermissionAttribute {
    /// A route may not call its function.
    Route,
    /// An authorizer may not ask its function.
    Authorizer,
    /// A statement that no wanted route or authorizer needs.
    LeftOver,
}

impl Attribute for PermissionAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Route => "routes.{}.permission",
            Self::Authorizer => "authorizers.{}.permission",
            Self::LeftOver => "permissions.{}",
        }
    }
}

/// What a run has to change about statements.
pub fn permission_differences(standing: &Standing, request: &Request) -> Vec<Difference<PermissionAttribute>> {
    let mut differences = Differences::default();
    let lacks = |authority, function: &str| {
        let sid = statement_id(&standing.api.id, authority, function);
        !standing.policies.get(function).is_some_and(|sids| sids.contains(&sid))
    };
    for route in &standing.routes {
        let wanted = request.api.routes.iter().find(|wanted| wanted.route.as_str() == route.key);
        let Some(function) = wanted.and_then(|wanted| wanted.lambda.as_ref()).map(|arn| arn.as_str()) else { continue };
        let calls = standing.target_of(route).and_then(Target::function) == Some(function);
        if calls && lacks(Authority::Route(&route.key), function) {
            differences.compare_one(PermissionAttribute::Route, &route.key, &None, &Some(function));
        }
    }
    for wanted in authorizers_of(request) {
        let found = standing.authorizers.iter().find(|one| one.name == wanted.name());
        let (Some(found), Some(function)) = (found, &wanted.function) else { continue };
        if found.spec.function.as_ref() == Some(function) && lacks(Authority::Authorizer(&found.id), function) {
            differences.compare_one(PermissionAttribute::Authorizer, &found.name, &None, &Some(function));
        }
    }
    for (function, sid) in left_over(standing, request) {
        differences.compare_one(PermissionAttribute::LeftOver, sid, &Some(function), &None);
    }
    differences.into_vec()
}

/// Statements that no wanted route or authorizer needs: function and id.
pub fn left_over<'a>(standing: &'a Standing, request: &Request) -> Vec<(&'a str, &'a str)> {
    let api = &standing.api.id;
    let mut needed = BTreeSet::new();
    for route in &request.api.routes {
        if let Some(function) = &route.lambda {
            needed.insert(statement_id(api, Authority::Route(route.route.as_str()), function.as_str()));
        }
        if let Access::By { authorizer, .. } = Access::of(request, route)
            && let Some(function) = &authorizer.function
            && let Some(found) = standing.authorizers.iter().find(|one| one.name == authorizer.name())
        {
            needed.insert(statement_id(api, Authority::Authorizer(&found.id), function));
        }
    }
    let all = standing.policies.iter().flat_map(|(function, sids)| sids.iter().map(move |sid| (function, sid)));
    all.filter(|(_, sid)| !needed.contains(*sid)).map(|(function, sid)| (function.as_str(), sid.as_str())).collect()
}

/// Whether one of the statements that go is of a function that is called, or asked, until the routes are changed. What is
/// deployed by itself is so within moments, and still calls the function until then.
pub fn settling(standing: &Standing, request: &Request, changes: &Changes) -> bool {
    let calls = |function: &str| {
        standing.routes.iter().any(|route| {
            let asked = route.asks().and_then(|id| standing.authorizers.iter().find(|one| one.id == id));
            let called = standing.target_of(route).and_then(Target::function);
            let differs = changes.routes.iter().any(|difference| difference.key.as_ref() == Some(&route.key));
            differs
                && (called == Some(function) || asked.and_then(|one| one.spec.function.as_deref()) == Some(function))
        })
    };
    left_over(standing, request).into_iter().any(|(function, _)| calls(function))
}

#[cfg(test)]
mod tests;

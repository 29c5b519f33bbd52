//! Each function may do what its code does, on what it does it to, and nothing else. What the code does is read
//! from the calls of the SDK in its sources. It must not know why a step makes a call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nameplate::contract::event::{RegistrationEnded, SOURCE};
use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;

use crate::questions::Questions;
use crate::read::{self, pascal, resources};
use crate::sdk;
use crate::sources;
use crate::states::tasks;

/// SDK crates and the names of their services: as IAM has them, and of API Gateway's two the second.
const SERVICES: [(&str, &str); 11] = [
    ("aws-sdk-account", "account"),
    ("aws-sdk-acm", "acm"),
    ("aws-sdk-apigatewayv2", "apigatewayv2"),
    ("aws-sdk-cloudwatchlogs", "logs"),
    ("aws-sdk-dynamodb", "dynamodb"),
    ("aws-sdk-eventbridge", "events"),
    ("aws-sdk-lambda", "lambda"),
    ("aws-sdk-route53", "route53"),
    ("aws-sdk-route53domains", "route53domains"),
    ("aws-sdk-secretsmanager", "secretsmanager"),
    ("aws-sdk-sfn", "states"),
];

/// What a function may do although its code does not call it: AWS does it in its name.
const IN_ITS_NAME: [(&str, &str, &str); 18] = [
    ("register", "route53:CreateHostedZone", "RegisterDomain makes a zone (AWS-FACTS 1.4.4)"),
    ("request-cert", "acm:AddTagsToCertificate", "RequestCertificate is given tags (AWS-FACTS 3.1.8)"),
    ("create-api", "apigateway:POST /tags/*", "CreateApi and CreateStage are given tags"),
    ("create-api", "apigateway:PUT /tags/*", "the older name of the same permission"),
    ("create-api", "apigateway:TagResource /tags/*", "the newer name of the same permission"),
    ("create-api", "apigateway:TagResource /apis", "asked for on what is made with tags"),
    ("create-api", "apigateway:TagResource /apis/*/stages", "asked for on what is made with tags"),
    ("create-api", "logs:CreateLogDelivery", LOG_DELIVERY),
    ("create-api", "logs:DeleteLogDelivery", LOG_DELIVERY),
    ("create-api", "logs:DescribeResourcePolicies", LOG_DELIVERY),
    ("create-api", "logs:GetLogDelivery", LOG_DELIVERY),
    ("create-api", "logs:ListLogDeliveries", LOG_DELIVERY),
    ("create-api", "logs:PutResourcePolicy", LOG_DELIVERY),
    ("create-api", "logs:UpdateLogDelivery", LOG_DELIVERY),
    ("attach-domain", "apigateway:POST /tags/*", "CreateDomainName is given tags"),
    ("attach-domain", "apigateway:PUT /tags/*", "the older name of the same permission"),
    ("attach-domain", "apigateway:TagResource /tags/*", "the newer name of the same permission"),
    ("attach-domain", "apigateway:TagResource /domainnames", "asked for on what is made with tags"),
];

/// Why whoever gives a stage an access log needs these.
const LOG_DELIVERY: &str = "API Gateway delivers an HTTP API's access log in the caller's name (AWS-FACTS 4.3.5)";

/// The same, beyond what a table can say: the account's first custom domain makes a role (AWS-FACTS 4.4.7).
const SERVICE_LINKED_ROLE: (&str, &str) = ("attach-domain", "iam:CreateServiceLinkedRole");

/// What `create-api` lets API Gateway do with the user's functions: an action in the code that is no call.
const GRANTED: &str = "lambda:InvokeFunction";

/// Actions that know no resource, so that only `*` can be allowed, and one that AWS itself allows on nothing narrower
/// (IAM User Guide, "Allows enabling and disabling Regions").
const WITHOUT_RESOURCE: [&str; 6] = [
    "account:ListRegions",
    "acm:ListCertificates",
    "acm:RequestCertificate",
    "route53:CreateHostedZone",
    "route53:ListHostedZonesByName",
    "states:SendTaskSuccess",
];

/// Which condition keys an action knows, of those in use, as the Service Authorization Reference lists them (pages
/// "Amazon API Gateway Management V2", for custom domains also "Amazon API Gateway Management", and of each other
/// service its own). IAM denies silently where a key is not supplied.
const CONDITION_KEYS: [(&str, &[&str]); 20] = [
    ("acm:AddTagsToCertificate", &["aws:RequestTag"]),
    ("acm:DeleteCertificate", &["aws:ResourceTag"]),
    ("acm:RemoveTagsFromCertificate", &["aws:ResourceTag"]),
    ("acm:RequestCertificate", &["aws:RequestTag", "acm:Export"]),
    ("acm:ResendValidationEmail", &["aws:ResourceTag"]),
    ("apigateway:DELETE", &["aws:ResourceTag", "aws:TagKeys"]),
    ("apigateway:PATCH", &["aws:ResourceTag", "apigateway:Request/DisableExecuteApiEndpoint"]),
    ("apigateway:POST", &["aws:RequestTag"]),
    ("apigateway:PUT", &["aws:RequestTag"]),
    ("apigateway:TagResource", &["aws:RequestTag"]),
    ("dynamodb:DeleteItem", &["dynamodb:LeadingKeys"]),
    ("dynamodb:GetItem", &["dynamodb:LeadingKeys"]),
    ("dynamodb:PutItem", &["dynamodb:LeadingKeys"]),
    ("dynamodb:UpdateItem", &["dynamodb:LeadingKeys"]),
    ("events:PutEvents", &["events:source", "events:detail-type"]),
    ("iam:CreateServiceLinkedRole", &["iam:AWSServiceName"]),
    ("lambda:AddPermission", &["lambda:Principal"]),
    ("lambda:RemovePermission", &["lambda:Principal"]),
    (
        "route53:ChangeResourceRecordSets",
        &[
            "route53:ChangeResourceRecordSetsActions",
            "route53:ChangeResourceRecordSetsNormalizedRecordNames",
            "route53:ChangeResourceRecordSetsRecordTypes",
        ],
    ),
    ("states:StartExecution", &[]),
];

/// Keys with more than one value in a request: to be asked for all of them, and for there being one at all.
const MANY_VALUES: [&str; 6] = [
    "dynamodb:LeadingKeys",
    "events:source",
    "events:detail-type",
    "route53:ChangeResourceRecordSetsActions",
    "route53:ChangeResourceRecordSetsNormalizedRecordNames",
    "route53:ChangeResourceRecordSetsRecordTypes",
];

/// What of API Gateway's second version carries tags; what is below inherits none ("API Gateway resources that can be
/// tagged" in its Developer Guide). Names of a path's variables stand for themselves.
const TAGGABLE: [&str; 3] = ["/apis/ApiId", "/apis/ApiId/stages/StageName", "/domainnames/DomainName"];

/// Where these are made.
const MADE_WITH_TAGS: [&str; 3] = ["/apis", "/apis/ApiId/stages", "/domainnames"];

/// A call of AWS in the code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    /// As AWS names it, for example `acm:RequestCertificate`.
    operation: String,
    /// The permission that it needs. The same, but for API Gateway `apigateway:<method>`.
    action: String,
    /// The path, for API Gateway; its variables hold a name.
    path: Option<String>,
    /// Whether the request can carry tags.
    tags: bool,
}

/// A statement of a policy.
#[derive(Clone, Debug)]
struct Statement {
    actions: Vec<String>,
    /// As `Fn::Sub` would spell them.
    resources: Vec<String>,
    /// Operator, key and values.
    conditions: Vec<(String, String, Value)>,
}

impl Statement {
    fn covers(&self, used: &Use) -> bool {
        self.actions.contains(&used.action)
            && self.can_be_met_by(used)
            && used.path.as_ref().is_none_or(|path| self.resources.iter().any(|pattern| matches_path(pattern, path)))
    }

    /// Whether a call can have what the conditions ask for: a tag needs a request, or a resource, that has tags.
    fn can_be_met_by(&self, used: &Use) -> bool {
        self.conditions.iter().all(|(operator, key, _)| match kind_of(key) {
            _ if operator.ends_with("IfExists") => true,
            "aws:RequestTag" => used.tags,
            "aws:ResourceTag" => used.path.as_ref().is_none_or(|path| TAGGABLE.contains(&path.as_str())),
            "apigateway:Request/DisableExecuteApiEndpoint" => used.operation == "apigatewayv2:UpdateApi",
            _ => true,
        })
    }

    /// Whether a condition asks for the key, `aws:RequestTag` standing for each tag.
    fn asks(&self, key: &str) -> bool {
        self.conditions.iter().any(|(_, asked, _)| kind_of(asked) == key)
    }

    fn serves(&self, action: &str, used: &Use) -> bool {
        used.action == action && self.covers(used)
    }
}

/// A key as [`CONDITION_KEYS`] spells it: one about tags without the tag's own key.
fn kind_of(key: &str) -> &str {
    if key.starts_with("aws:") { key.split('/').next().unwrap_or_default() } else { key }
}

/// Whether the path part of an API Gateway ARN pattern matches a path.
fn matches_path(pattern: &str, path: &str) -> bool {
    let Some((_, pattern)) = pattern.split_once("::/") else { return false };
    glob(pattern, &path[1..])
}

/// Whether a text has the form of a pattern in which `*` stands for anything, slashes included.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => {
            text.strip_prefix(head).is_some_and(|text| (0..=text.len()).any(|at| glob(rest, &text[at..])))
        }
    }
}

/// Reads what all functions call.
struct Sdk {
    folders: BTreeMap<String, PathBuf>,
    operations: BTreeMap<String, Vec<String>>,
    questions: Questions,
}

impl Sdk {
    fn read() -> Self {
        let folders = sdk::crates();
        let operations = folders.iter().map(|(name, folder)| (name.clone(), sdk::operations(folder))).collect();
        Self { folders, operations, questions: Questions::read() }
    }

    /// The calls in `code`, of a function that depends on `crates`.
    fn uses(&self, code: TokenStream, crates: &[String]) -> BTreeSet<Use> {
        let fields = client_fields(code.clone());
        let mut uses = BTreeSet::new();
        for call in sources::bare_calls(code) {
            let mut of: Vec<&String> =
                crates.iter().filter(|name| self.operations[*name].contains(&call.method)).collect();
            if of.len() > 1 {
                // Two services have an operation of that name: the client's own name tells them apart.
                let client = call.receiver.as_ref().and_then(|receiver| fields.get(receiver));
                of.retain(|name| Some(*name) == client);
                assert_eq!(of.len(), 1, "whose operation is {call:?}?");
            }
            let Some(name) = of.first() else { continue };
            let service = service(name);
            let operation = format!("{service}:{}", sdk::name(&self.folders[*name], &call.method));
            // The permissions of API Gateway are about HTTP methods and paths, and have no version.
            let (action, path) = if service == "apigatewayv2" {
                let (method, path) = sdk::method_and_path(&self.folders[*name], &call.method);
                (format!("apigateway:{method}"), Some(path.split(['{', '}']).collect()))
            } else {
                (operation.clone(), None)
            };
            let tags = sdk::takes_tags(&self.folders[*name], &call.method);
            uses.insert(Use { operation, action, path, tags });
        }
        uses
    }

    /// The calls of a function: its own, and those of the questions that it asks.
    fn uses_of(&self, function: &str) -> BTreeSet<Use> {
        let folder = format!("functions/{function}");
        let code = sources::package(&folder);
        let mut uses = self.uses(code.clone(), &sdk_dependencies(&read::text(format!("{folder}/Cargo.toml"))));
        for asked in self.questions.asked_by(code) {
            uses.extend(self.uses(asked.code, &[asked.sdk]));
        }
        uses
    }
}

fn service(name: &str) -> &'static str {
    let known = SERVICES.iter().find(|(package, _)| *package == name);
    known.unwrap_or_else(|| panic!("{name} is not in the table of services")).1
}

/// The SDK crates that a manifest depends on.
fn sdk_dependencies(manifest: &str) -> Vec<String> {
    let names = manifest.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    let names: BTreeSet<&str> = names.filter(|name| name.starts_with("aws-sdk-")).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// `name: aws_sdk_x::Client` in a struct, as name and package.
fn client_fields(code: TokenStream) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    sources::walk(code, &mut |trees| {
        if let [
            TokenTree::Ident(field),
            TokenTree::Punct(_),
            TokenTree::Ident(package),
            TokenTree::Punct(_),
            TokenTree::Punct(_),
            TokenTree::Ident(client),
            ..,
        ] = trees
            && *client == "Client"
            && package.to_string().starts_with("aws_sdk_")
        {
            fields.insert(field.to_string(), package.to_string().replace('_', "-"));
        }
    });
    fields
}

fn statements(properties: &Value) -> Vec<Statement> {
    let spelled = |resource: &Value| match (&resource["Fn::Sub"], &resource["Fn::GetAtt"], &resource["Ref"], resource) {
        (Value::String(text), ..) | (_, _, _, Value::String(text)) => text.clone(),
        (_, Value::String(name), ..) | (_, _, Value::String(name), _) => format!("${{{name}}}"),
        _ => panic!("what resource is {resource}?"),
    };
    let policies = read::one_or_many(&properties["Policies"]).into_iter();
    policies
        .flat_map(|policy| read::one_or_many(&policy["Statement"]))
        .map(|statement| {
            let keys: BTreeSet<&str> = statement.as_object().expect("an object").keys().map(String::as_str).collect();
            assert!(keys.is_subset(&BTreeSet::from(["Effect", "Action", "Resource", "Condition"])), "{keys:?}");
            assert_eq!(statement["Effect"], "Allow");
            let actions = read::one_or_many(&statement["Action"]);
            Statement {
                actions: actions.iter().map(|action| action.as_str().expect("an action").to_owned()).collect(),
                resources: read::one_or_many(&statement["Resource"]).into_iter().map(spelled).collect(),
                conditions: conditions(&statement["Condition"]),
            }
        })
        .collect()
}

fn conditions(condition: &Value) -> Vec<(String, String, Value)> {
    let operators = condition.as_object().into_iter().flatten();
    operators
        .flat_map(|(operator, keys)| {
            let keys = keys.as_object().expect("keys and values");
            keys.iter().map(|(key, values)| (operator.clone(), key.clone(), values.clone()))
        })
        .collect()
}

fn statements_of(template: &Value, function: &str) -> Vec<Statement> {
    let functions = resources(template, "AWS::Serverless::Function");
    let resource = format!("{}Function", pascal(function));
    statements(&functions[resource.as_str()]["Properties"])
}

/// What AWS does in the name of a function, as [`IN_ITS_NAME`] spells it.
fn in_its_name(function: &str, action: &str, resources: &[String]) -> bool {
    let entries: Vec<&str> =
        IN_ITS_NAME.iter().filter(|(of, ..)| *of == function).map(|(_, entry, _)| *entry).collect();
    let listed = |resource: &String| {
        let named = entries.iter().filter_map(|entry| entry.split_once(' '));
        named.into_iter().any(|(name, path)| name == action && resource.ends_with(&format!("::{path}")))
    };
    (function, action) == SERVICE_LINKED_ROLE || entries.contains(&action) || resources.iter().all(listed)
}

/// What a function does and may not, and what it may and does not.
fn differences(function: &str, uses: &BTreeSet<Use>, statements: &[Statement]) -> Vec<String> {
    let mut problems = Vec::new();
    for used in uses.iter().filter(|used| !statements.iter().any(|statement| statement.covers(used))) {
        problems.push(format!("{function} calls {} and may not: {} {:?}", used.operation, used.action, used.path));
    }
    for statement in statements {
        let mut needed = false;
        for action in &statement.actions {
            let granted_for_aws = in_its_name(function, action, &statement.resources);
            needed |= granted_for_aws;
            if !granted_for_aws && !uses.iter().any(|used| statement.serves(action, used)) {
                problems.push(format!("{function} may {action} on {:?} and never does", statement.resources));
            }
        }
        for action in statement.actions.iter().filter(|_| !needed) {
            let served: Vec<&Use> = uses.iter().filter(|used| statement.serves(action, used)).collect();
            for pattern in &statement.resources {
                let mut paths = served.iter().filter_map(|used| used.path.as_ref()).peekable();
                if paths.peek().is_some() && !paths.any(|path| matches_path(pattern, path)) {
                    problems.push(format!("{function} may {action} on {pattern} and never does"));
                }
            }
        }
    }
    problems
}

#[test]
fn each_function_may_do_what_it_does_and_nothing_else() {
    let (sdk, template) = (Sdk::read(), read::template());
    let mut problems = Vec::new();
    for function in read::functions() {
        let uses = sdk.uses_of(&function);
        assert!(!uses.is_empty(), "no call found in {function}");
        problems.extend(differences(&function, &uses, &statements_of(&template, &function)));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn a_lacking_and_a_superfluous_permission_are_both_noticed() {
    let (sdk, template) = (Sdk::read(), read::template());
    for function in
        ["plan", "create-api", "request-cert", "attach-domain", "close-endpoint", "poll-registrations", "delete-zone"]
    {
        let (uses, allowed) = (sdk.uses_of(function), statements_of(&template, function));
        for used in &uses {
            let mut fewer = allowed.clone();
            for statement in fewer.iter_mut().filter(|statement| statement.covers(used)) {
                statement.actions.retain(|action| *action != used.action);
            }
            let problems = differences(function, &uses, &fewer);
            assert!(problems.iter().any(|problem| problem.contains("may not")), "{function} without {}", used.action);
            // RequestCertificate sets tags, and asks for this too.
            if used.action == "acm:AddTagsToCertificate" {
                continue;
            }
            let less: BTreeSet<Use> = uses.iter().filter(|other| other.action != used.action).cloned().collect();
            let problems = differences(function, &less, &allowed);
            assert!(
                problems.iter().any(|problem| problem.contains("never does")),
                "{function} not using {}",
                used.action
            );
        }
    }
}

#[test]
fn a_call_is_seen_wherever_it_stands() {
    let sdk = Sdk::read();
    let crates = ["aws-sdk-apigatewayv2", "aws-sdk-lambda"].map(str::to_owned);
    let code = sources::code(
        "struct Clients { api: aws_sdk_apigatewayv2::Client, lambda: aws_sdk_lambda::Client }
         fn f(c: &Clients) { c.lambda.add_permission().send(); c.api.tag_resource(); g(&c.api.delete_cors_configuration()) }",
    );
    let uses = sdk.uses(code.expect("Rust"), &crates);
    let found: Vec<(&str, Option<&str>)> =
        uses.iter().map(|used| (used.action.as_str(), used.path.as_deref())).collect();
    let wanted = [
        ("apigateway:DELETE", Some("/apis/ApiId/cors")),
        ("apigateway:POST", Some("/tags/ResourceArn")),
        ("lambda:AddPermission", None),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn every_exception_is_still_in_the_template() {
    let template = read::template();
    for (function, entry, why) in IN_ITS_NAME {
        let (action, path) = entry.split_once(' ').unwrap_or((entry, ""));
        let allowed = statements_of(&template, function).into_iter().any(|statement| {
            statement.actions.iter().any(|allowed| allowed == action)
                && statement.resources.iter().any(|resource| resource.ends_with(path))
        });
        assert!(allowed, "{function} no longer has {entry} ({why}); take it out of the list");
    }
}

/// What a statement allows beyond what it should.
fn too_wide(statement: &Statement) -> Vec<String> {
    let mut problems = Vec::new();
    for action in &statement.actions {
        let (service, operation) = action.split_once(':').unwrap_or((action, "*"));
        if operation.contains('*') {
            problems.push(format!("{action} allows more than one action"));
        }
        for resource in &statement.resources {
            if unconditional(statement, action, resource) {
                problems.push(format!("{action} on {resource} without the condition that makes it ours"));
            }
            let fits = match service {
                "route53domains" => resource == "*",
                "logs" => match operation {
                    "CreateLogGroup"
                    | "ListTagsForResource"
                    | "PutRetentionPolicy"
                    | "TagResource"
                    | "UntagResource" => {
                        resource.ends_with(":log-group:/aws/vendedlogs/nameplate/${AWS::StackName}.${AWS::Region}/*")
                    }
                    // Asked for all of them (AWS-FACTS 4.3.5), and a state machine's own logs name no group either.
                    "DescribeLogGroups" => resource == "*" || resource.ends_with(":log-group:*"),
                    _ => resource == "*",
                },
                "dynamodb" if operation == "Query" => {
                    *resource == format!("${{Table.Arn}}/index/{}", nameplate::contract::table::watch::OPEN_INDEX)
                }
                "dynamodb" => resource == "${Table.Arn}",
                "lambda" if operation == "InvokeFunction" => resource.ends_with("Function.Arn}"),
                _ if WITHOUT_RESOURCE.contains(&action.as_str()) => resource == "*",
                "secretsmanager" => resource.ends_with(":secret:${ContactSecretPrefix}*"),
                "apigateway" => ["::/apis", "::/domainnames", "::/tags/*"]
                    .iter()
                    .any(|part| resource.contains(&format!(":apigateway:${{AWS::Region}}{part}"))),
                // Reading a policy tells nothing that its owner's role could not.
                "lambda" if operation == "GetPolicy" => resource.contains(":lambda:${AWS::Region}:${AWS::AccountId}:"),
                "lambda" | "iam" => resource.contains(&format!(":{service}:")) && !statement.conditions.is_empty(),
                _ => resource.contains(&format!(":{service}:")),
            };
            let fixed = resource.strip_prefix("arn:").is_some_and(|rest| !rest.starts_with("${AWS::Partition}:"));
            if !fits || fixed {
                problems.push(format!("{action} on {resource}"));
            }
        }
    }
    problems
}

/// Whether a permission to write could be narrowed to what is ours, by a key that its action knows, and is not.
fn unconditional(statement: &Statement, action: &str, resource: &str) -> bool {
    let reaches = |paths: &[&str]| paths.iter().any(|path| matches_path(resource, path));
    let needed: &[&str] = match action {
        "acm:AddTagsToCertificate" => &["aws:RequestTag"],
        "acm:DeleteCertificate" | "acm:RemoveTagsFromCertificate" | "acm:ResendValidationEmail" => &["aws:ResourceTag"],
        "acm:RequestCertificate" => &["aws:RequestTag", "acm:Export"],
        "apigateway:POST" if reaches(&MADE_WITH_TAGS) => &["aws:RequestTag"],
        "apigateway:PATCH" | "apigateway:DELETE" if reaches(&TAGGABLE) => &["aws:ResourceTag"],
        "apigateway:DELETE" if resource.ends_with("::/tags/*") => &["aws:TagKeys"],
        _ if action.starts_with("apigateway:") && resource.ends_with("::/tags/*") => &["aws:RequestTag"],
        "events:PutEvents" => &["events:source", "events:detail-type"],
        "route53:ChangeResourceRecordSets" => {
            &["route53:ChangeResourceRecordSetsActions", "route53:ChangeResourceRecordSetsRecordTypes"]
        }
        _ => &[],
    };
    !needed.iter().all(|key| statement.asks(key))
}

/// Every statement in the template, with the name of whose it is.
fn all_statements(template: &Value) -> Vec<(String, Statement)> {
    let of_functions = read::functions().into_iter().flat_map(|function| {
        let statements = statements_of(template, &function);
        statements.into_iter().map(move |statement| (function.clone(), statement))
    });
    let of_machines = read::MACHINES.into_iter().flat_map(|(machine, resource)| {
        let statements = statements(&template["Resources"][resource]["Properties"]);
        statements.into_iter().map(move |statement| (machine.to_owned(), statement))
    });
    of_functions.chain(of_machines).collect()
}

#[test]
fn every_condition_is_one_that_its_action_knows() {
    let mut problems = Vec::new();
    for (whose, statement) in all_statements(&read::template()) {
        for (operator, key, _) in &statement.conditions {
            let kind = kind_of(key);
            for action in &statement.actions {
                let known = CONDITION_KEYS.iter().find(|(name, _)| name == action).map_or(&[][..], |(_, keys)| *keys);
                if !known.contains(&kind) {
                    problems.push(format!("{whose}: {action} does not know {key}"));
                }
            }
            if MANY_VALUES.contains(&kind) && operator != "Null" {
                let guarded = statement
                    .conditions
                    .iter()
                    .any(|(operator, guarded, value)| operator == "Null" && guarded == key && value == "false");
                // One that must be there is asked for beside what all may be.
                let all = |operator: &String| operator.starts_with("ForAllValues:");
                let bounded = statement.conditions.iter().any(|(operator, other, _)| other == key && all(operator));
                if !bounded || !guarded {
                    problems.push(format!("{whose}: {key} has many values, or none: {operator}"));
                }
            }
            if kind.starts_with("aws:Re") {
                let ours = key.ends_with(&format!("/{}", nameplate::resource::tags::STACK));
                if !ours {
                    problems.push(format!("{whose}: {key} is not the tag that makes it ours"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn each_function_reaches_only_its_kind_of_item() {
    let template = read::template();
    for function in read::functions() {
        for statement in statements_of(&template, &function) {
            let items =
                statement.actions.iter().any(|action| action.starts_with("dynamodb:") && action.ends_with("Item"));
            let kinds: Vec<&Value> = statement
                .conditions
                .iter()
                .filter(|(operator, key, _)| key == "dynamodb:LeadingKeys" && operator != "Null")
                .flat_map(|(_, _, values)| read::one_or_many(values))
                .collect();
            let known = [nameplate::contract::table::domain_key("*"), nameplate::contract::table::watch_key("*")];
            assert!(!items || !kinds.is_empty(), "{function}: {:?} on any item", statement.actions);
            assert!(
                kinds.iter().all(|kind| known.iter().any(|known| *kind == known.as_str())),
                "{function}: {kinds:?}"
            );
        }
    }
}

#[test]
fn what_may_be_published_is_what_is_published() {
    let template = read::template();
    for (whose, statement) in all_statements(&template) {
        if !statement.actions.iter().any(|action| action == "events:PutEvents") {
            continue;
        }
        let text = match whose.as_str() {
            machine if read::MACHINES.iter().any(|(name, _)| *name == machine) => {
                read::definition_of(machine).to_string()
            }
            function => published_by(function),
        };
        for (_, key, values) in statement.conditions.iter().filter(|(operator, ..)| operator != "Null") {
            for value in read::one_or_many(values) {
                let value = value.as_str().expect("text");
                assert!(text.contains(value), "{whose} may publish events with {key} {value} and never does");
            }
        }
    }
}

/// Sources and detail-types that a function names by the library's constants.
fn published_by(function: &str) -> String {
    let names = sources::identifiers(sources::package(&format!("functions/{function}")));
    let constants =
        [("SOURCE", SOURCE), ("COMPLETED", RegistrationEnded::COMPLETED), ("FAILED", RegistrationEnded::FAILED)];
    constants.into_iter().filter(|(name, _)| names.contains(*name)).map(|(_, text)| text).collect()
}

#[test]
fn no_permission_is_wider_than_its_service_knows_to_narrow_it() {
    let template = read::template();
    let problems: Vec<String> =
        all_statements(&template).iter().flat_map(|(_, statement)| too_wide(statement)).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    for (action, resource) in [
        ("dynamodb:*", "${Table.Arn}"),
        ("dynamodb:PutItem", "*"),
        ("dynamodb:Query", "${Table.Arn}"),
        ("secretsmanager:GetSecretValue", "*"),
        ("apigateway:GET", "*"),
        ("apigateway:GET", "arn:${AWS::Partition}:apigateway:${AWS::Region}::/*"),
        ("acm:DescribeCertificate", "*"),
        ("lambda:AddPermission", "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*"),
        ("lambda:InvokeFunction", "*"),
        ("lambda:GetPolicy", "*"),
        ("logs:CreateLogGroup", "*"),
        ("logs:TagResource", "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*"),
        ("lambda:RemovePermission", "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*"),
        ("acm:DeleteCertificate", "arn:${AWS::Partition}:acm:${AWS::Region}:${AWS::AccountId}:certificate/*"),
        ("acm:ResendValidationEmail", "arn:${AWS::Partition}:acm:${AWS::Region}:${AWS::AccountId}:certificate/*"),
        ("route53:GetHostedZone", "arn:aws:route53:::hostedzone/*"),
        ("route53:ChangeResourceRecordSets", "arn:${AWS::Partition}:route53:::hostedzone/*"),
        ("acm:RequestCertificate", "*"),
        ("apigateway:POST", "arn:${AWS::Partition}:apigateway:${AWS::Region}::/apis"),
        ("apigateway:PATCH", "arn:${AWS::Partition}:apigateway:${AWS::Region}::/domainnames/*"),
        ("apigateway:PUT", "arn:${AWS::Partition}:apigateway:${AWS::Region}::/tags/*"),
        ("apigateway:DELETE", "arn:${AWS::Partition}:apigateway:${AWS::Region}::/apis/*"),
        ("apigateway:POST", "arn:${AWS::Partition}:apigateway:${AWS::Region}::/domainnames*"),
    ] {
        let statement = Statement {
            actions: vec![action.to_owned()],
            resources: vec![resource.to_owned()],
            conditions: Vec::new(),
        };
        assert!(!too_wide(&statement).is_empty(), "{action} on {resource} is not noticed");
    }
}

#[test]
fn a_state_machine_may_do_what_its_states_do() {
    let template = read::template();
    for (machine, resource) in read::MACHINES {
        let definition = read::definition_of(machine);
        let needed: BTreeSet<String> = tasks(&definition)
            .values()
            .map(|task| {
                let resource = task["Resource"].as_str().expect("a Resource").trim_start_matches("arn:aws:states:::");
                let call = resource.trim_start_matches("aws-sdk:").trim_end_matches(".waitForTaskToken");
                match call.split_once(':').expect("service and action") {
                    ("lambda", "invoke") => "lambda:InvokeFunction".to_owned(),
                    (service, action) => format!("{service}:{}{}", action[..1].to_ascii_uppercase(), &action[1..]),
                }
            })
            .collect();
        let statements = statements(&template["Resources"][resource]["Properties"]);
        let allowed: BTreeSet<String> = statements.into_iter().flat_map(|statement| statement.actions).collect();
        // The delivery of its own logs is what Step Functions asks for beside the states.
        let (logs, others): (BTreeSet<String>, BTreeSet<String>) =
            allowed.into_iter().partition(|action| action.starts_with("logs:"));
        assert_eq!(others, needed, "{machine}");
        assert_eq!(logs.len(), 8);
    }
}

/// What makes something, and what takes something away for good. Routes, integrations and cross-origin rules of an API
/// that is being changed come and go with it, and so do what functions permit its routes and the delivery of its log.
fn makes(action: &str) -> bool {
    let (_, operation) = action.split_once(':').unwrap_or_default();
    ["Create", "Request", "Register", "Add", "POST", "PUT", "PATCH"].iter().any(|verb| operation.starts_with(verb))
}

/// Actions and paths of a retirement.
fn deletes(action: &str, resources: &[String]) -> bool {
    let (service, operation) = action.split_once(':').unwrap_or_default();
    let whole = |resource: &String| {
        let path = resource.rsplit_once("::").map_or("", |(_, path)| path);
        ["/apis/*", "/domainnames/*", "/domainnames/*/apimappings/*"].contains(&path)
    };
    match service {
        "apigateway" => operation == "DELETE" && resources.iter().any(whole),
        "dynamodb" => false,
        // A tag of the request comes and goes with it.
        _ if operation.contains("Tags") => false,
        "lambda" if operation == "RemovePermission" => false,
        "logs" if operation == "DeleteLogDelivery" => false,
        _ => ["Delete", "Remove", "Disable"].iter().any(|verb| operation.starts_with(verb)),
    }
}

#[test]
fn who_makes_cannot_delete_and_who_deletes_cannot_make() {
    let template = read::template();
    let (mut makers, mut deleters) = (BTreeSet::new(), BTreeSet::new());
    for function in read::functions() {
        for statement in statements_of(&template, &function) {
            for action in &statement.actions {
                let asked = |verb: &str| {
                    statement.conditions.iter().any(|(_, key, values)| {
                        key == "route53:ChangeResourceRecordSetsActions"
                            && read::one_or_many(values).iter().any(|value| **value == verb)
                    })
                };
                if makes(action) || asked("CREATE") || asked("UPSERT") {
                    makers.insert(function.clone());
                }
                if deletes(action, &statement.resources) || asked("DELETE") {
                    deleters.insert(function.clone());
                }
            }
        }
    }
    // A record is replaced by a deletion and a creation in one batch: one of a request, so that nobody's record is written
    // over, and a CNAME that a host name had before it is taken over. The renewal of a name ends and begins again as the
    // request says it.
    let both: Vec<&String> = makers.intersection(&deleters).collect();
    assert_eq!(both, ["attach-domain", "register", "write-records"]);
    for (maker, deleter) in [
        ("create-api", "delete-api"),
        ("create-zone", "delete-zone"),
        ("request-cert", "delete-certificate"),
        ("write-validation-records", "delete-validation-records"),
        ("write-records", "delete-records"),
        ("attach-domain", "detach-domain"),
        ("register", "release-registration"),
    ] {
        assert!(makers.contains(maker), "{maker} makes nothing?");
        assert!(deleters.contains(deleter), "{deleter} deletes nothing?");
    }
}

#[test]
fn nobody_deletes_what_was_logged() {
    for (whose, statement) in all_statements(&read::template()) {
        let deletes = |action: &&String| action.starts_with("logs:Delete") && *action != "logs:DeleteLogDelivery";
        assert_eq!(statement.actions.iter().find(deletes), None, "{whose}");
    }
}

#[test]
fn a_failed_call_is_reported_under_the_name_of_a_call_that_is_made() {
    let sdk = Sdk::read();
    for function in read::functions() {
        let made: BTreeSet<String> = sdk.uses_of(&function).into_iter().map(|used| used.operation).collect();
        let code = sources::package(&format!("functions/{function}"));
        let services: Vec<String> = SERVICES.iter().map(|(_, service)| format!("{service}:")).collect();
        let label = |text: &String| {
            let operation = services.iter().find_map(|service| text.strip_prefix(service.as_str()));
            operation.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()))
        };
        let classified = sources::first_arguments(code.clone(), "classify");
        let strange: Vec<&String> = classified.iter().filter(|text| !label(text)).collect();
        assert!(strange.is_empty(), "{function} reports {strange:?}, which is no operation of a service");
        for label in sources::literals(code).into_iter().filter(label).filter(|text| text != GRANTED) {
            assert!(made.contains(&label), "{function} reports {label} and never calls it");
        }
    }
}

#[test]
fn questions_only_read_and_report_the_calls_that_they_make() {
    let sdk = Sdk::read();
    for asked in sdk.questions.all() {
        let made: BTreeSet<String> =
            sdk.uses(asked.code.clone(), &[asked.sdk]).into_iter().map(|used| used.operation).collect();
        let writes = |operation: &&String| {
            let name = operation.split(':').next_back().unwrap_or_default();
            !["Check", "Describe", "Get", "List", "Query"].iter().any(|verb| name.starts_with(verb))
        };
        assert_eq!(made.iter().find(writes), None);
        let reported: BTreeSet<String> = sources::first_arguments(asked.code, "classify").into_iter().collect();
        assert_eq!(reported, made);
    }
}

#[test]
fn the_environment_holds_what_is_read_and_nothing_else() {
    let template = read::template();
    let variables = template["Globals"]["Function"]["Environment"]["Variables"].as_object().expect("Variables");
    let set: BTreeSet<String> = variables.keys().cloned().collect();
    let read: BTreeSet<String> = read::functions()
        .iter()
        .flat_map(|function| sources::literals(sources::package(&format!("functions/{function}"))))
        .filter(|text| text.starts_with("NAMEPLATE_"))
        .collect();
    // Set only where the state machine's waits are scaled down, never on AWS.
    let scaled = BTreeSet::from(["NAMEPLATE_SETTLING_SECS".to_owned()]);
    assert_eq!(set, &read - &scaled);
    assert!(read.is_superset(&scaled));
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
        assert!(function["Properties"]["Environment"].is_null(), "{name} has variables of its own");
    }
}

/// Whether `word` stands in a text by itself, not as the beginning of a longer name.
fn mentions(text: &str, word: &str) -> bool {
    let longer = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, _)| !text[at + word.len()..].starts_with(longer))
}

#[test]
fn nothing_ever_deletes_a_registration() {
    // Put together, so that this file does not hold what it looks for.
    let (action, method, command) =
        (["route53domains:", "DeleteDomain"].concat(), ["delete", "domain"].join("_"), ["delete", "domain"].join("-"));
    for path in ["template.yaml", "statemachine/provision.asl.json", "statemachine/retire.asl.json"] {
        let text = read::text(path);
        for word in [action.as_str(), "DeleteDomain", "deleteDomain"] {
            assert!(!mentions(&text, word), "{path} speaks of {word}");
        }
    }
    for folder in ["crates", "functions", "tests", "xtask"] {
        for path in read::files(folder, ".rs") {
            let code = sources::file(&path);
            let called = sources::bare_calls(code.clone()).iter().any(|call| call.method == method);
            let written =
                sources::literals(code).iter().any(|text| mentions(text, &action) || mentions(text, &command));
            assert!(!called && !written, "{} deletes registrations", path.display());
        }
    }
    for folder in ["crates/nameplate", "functions"] {
        for path in read::files(folder, ".rs") {
            let named = sources::identifiers(sources::file(&path));
            assert!(!named.contains(&method) && !named.contains("DeleteDomain"), "{} names it", path.display());
        }
    }
    assert!(mentions(&format!("aws route53domains {command} --domain-name x"), &command));
    assert!(
        !mentions("aws apigatewayv2 delete-domain-name", &command) && !mentions("DeleteDomainName", "DeleteDomain")
    );
}

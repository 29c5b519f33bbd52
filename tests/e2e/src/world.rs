//! The deployed stack and the world around it: executions, the registry, zones, certificates, APIs.
//! Every question is put to AWS's own interfaces; only what AWS has no interface for (the ledger, the record
//! of calls) is asked of the local AWS's control interface.

use std::time::Duration;

use http::Method;
use local_aws::{AwsClient, KeyPair};
use nameplate::function::runtime::{environment, required};
use serde_json::{Value, json};

use crate::schemas;

/// How often something is looked for at first.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often a running execution is looked at in the end. Looks of many tests at once are half of what the local AWS has
/// to do, where they do not become fewer.
const LOOK_AT_LAST_EVERY: Duration = Duration::from_millis(800);
/// When a test gives up on an execution; far beyond what any takes.
const GIVE_UP_AFTER: Duration = Duration::from_secs(240);

/// The stack under test.
#[derive(Clone)]
pub struct World {
    client: AwsClient,
    address: String,
    machine: String,
    table: String,
}

/// An execution that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its ARN.
    pub arn: String,
    /// `SUCCEEDED`, `FAILED`, …
    pub status: String,
    /// Its output, or null.
    pub output: Value,
    /// The name of its failure, or empty.
    pub error: String,
    /// The cause of its failure: code, reason, remedy, state.
    pub cause: Value,
}

impl Ended {
    /// The result of an execution that must have succeeded.
    ///
    /// # Panics
    /// When it has not, or the result does not fit its schema.
    #[must_use]
    pub fn live(self) -> Value {
        assert_eq!(self.status, "SUCCEEDED", "{}: {} {}", self.arn, self.error, self.cause);
        schemas::check_output(&self.arn, &self.output);
        self.output
    }

    /// The reason of a failure that must carry the name `error`.
    ///
    /// # Panics
    /// When it does not, or says no reason or remedy.
    #[must_use]
    pub fn refused(&self, error: &str) -> String {
        assert_eq!((self.status.as_str(), self.error.as_str()), ("FAILED", error), "{self:?}");
        assert!(self.cause["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{self:?}");
        self.cause["reason"].as_str().expect("a reason").to_owned()
    }
}

/// A request for `domain` with one route to `url`; the name may be bought for up to 40 USD.
#[must_use]
pub fn request(domain: &str, url: &str) -> Value {
    json!({
        "domainName": domain,
        "registration": {"maxPrice": {"amount": 40.0, "currency": "USD"}},
        "api": {"allowHttp": true, "routes": [{"route": "GET /v1/models", "url": url}]},
        "tags": {"team": "inference"},
    })
}

/// A request to retire `domain`, with further fields.
#[must_use]
pub fn retirement(domain: &str, more: &Value) -> Value {
    let mut request = json!({"domainName": domain, "confirm": domain});
    let fields = more.as_object().cloned().unwrap_or_default();
    request.as_object_mut().into_iter().for_each(|request| request.extend(fields.clone()));
    request
}

impl World {
    /// The stack that `cargo xtask test` or `cargo xtask local` has deployed.
    ///
    /// # Panics
    /// When the environment names none.
    #[must_use]
    pub fn deployed() -> Self {
        let variable = |name: &str| {
            required(&environment, name).unwrap_or_else(|_| {
                panic!("{name} is not set: run `cargo xtask test`, or `. target/local-aws/env` beside a running `cargo xtask local`")
            })
        };
        let keys = KeyPair {
            access_key_id: variable("AWS_ACCESS_KEY_ID"),
            secret_access_key: variable("AWS_SECRET_ACCESS_KEY"),
            session_token: None,
        };
        let endpoint = variable("AWS_ENDPOINT_URL");
        let client = AwsClient::new(&endpoint, &variable("AWS_REGION"), keys).expect("an endpoint on this machine");
        let address = endpoint.trim_start_matches("http://").to_owned();
        Self { client, address, machine: variable("NAMEPLATE_STATE_MACHINE_ARN"), table: variable("NAMEPLATE_TABLE") }
    }

    /// The same world as another stack in it has it.
    #[must_use]
    pub(crate) fn of_stack(&self, machine: String, table: String) -> Self {
        Self { machine, table, ..self.clone() }
    }

    /// The administrator's client, for calls that may be refused.
    #[must_use]
    pub fn client(&self) -> &AwsClient {
        &self.client
    }

    /// Host and port of the local AWS.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The DynamoDB table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The ARN of the state machine.
    #[must_use]
    pub fn machine(&self) -> &str {
        &self.machine
    }

    /// What the tag `nameplate:stack` of everything of this stack says.
    ///
    /// # Panics
    /// When the state machine has a name that it should not have.
    #[must_use]
    pub fn stack(&self) -> String {
        let parts: Vec<&str> = self.machine.split(':').collect();
        let [_, _, _, region, .., machine] = parts[..] else { panic!("{}", self.machine) };
        let name = machine.strip_suffix(nameplate::contract::STATE_MACHINE_SUFFIX).expect("its name");
        format!("{name}.{region}")
    }

    /// The ARN of the state machine that retires domains: the same stack's.
    ///
    /// # Panics
    /// When the stack's other state machine has a name that it should not have.
    #[must_use]
    pub fn retire_machine(&self) -> String {
        let stack = self.machine.strip_suffix(nameplate::contract::STATE_MACHINE_SUFFIX).expect("its name");
        format!("{stack}{}", nameplate::contract::retire::STATE_MACHINE_SUFFIX)
    }

    /// Retires a domain and waits for the end; `more` are further fields of the request.
    pub async fn retire(&self, domain: &str, more: &Value) -> Ended {
        self.run_of(&self.retire_machine(), &retirement(domain, more)).await
    }

    /// A call of a service with JSON protocol; `target` is its `X-Amz-Target`.
    ///
    /// # Panics
    /// When the service answers with an error.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> Value {
        self.client.json(service, target, body).await.unwrap_or_else(|error| panic!("{target}: {error}"))
    }

    /// A REST call of a service with JSON bodies.
    ///
    /// # Panics
    /// When the service answers with an error.
    pub async fn rest(&self, service: &str, method: Method, path: &str, body: Option<&Value>) -> Value {
        self.client.rest_json(service, method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A call of Route 53, answered in XML.
    ///
    /// # Panics
    /// When the service answers with an error.
    pub async fn route53(&self, method: Method, path: &str, body: String) -> String {
        self.client.rest_xml("route53", method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A call of CloudFormation, answered in XML.
    ///
    /// # Panics
    /// When the service answers with an error.
    pub(crate) async fn cloudformation(&self, fields: &[(&str, &str)]) -> String {
        self.client.query("cloudformation", fields).await.unwrap_or_else(|error| panic!("{fields:?}: {error}"))
    }

    /// Puts an object into a bucket.
    ///
    /// # Panics
    /// When the service answers with an error.
    pub(crate) async fn put_object(&self, bucket: &str, key: &str, body: &str) {
        let path = format!("/{bucket}/{key}");
        let answer = self.client.rest_xml("s3", Method::PUT, &path, body.to_owned()).await;
        answer.map(drop).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// The control interface of the local AWS.
    ///
    /// # Panics
    /// When it answers with an error.
    pub async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        self.client.control(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Starts an execution of the deployed state machine and waits for its end.
    pub async fn run(&self, input: &Value) -> Ended {
        self.run_of(&self.machine, input).await
    }

    /// Starts an execution of `machine` and waits for its end.
    pub async fn run_of(&self, machine: &str, input: &Value) -> Ended {
        let arn = self.start(machine, input).await;
        self.ended(&arn).await
    }

    /// Starts an execution of `machine`.
    pub async fn start(&self, machine: &str, input: &Value) -> String {
        self.start_with(&json!({"stateMachineArn": machine, "input": input.to_string()})).await
    }

    /// Starts an execution of `machine` with a name of ours.
    pub async fn start_named(&self, machine: &str, name: &str, input: &Value) -> String {
        self.start_with(&json!({"stateMachineArn": machine, "name": name, "input": input.to_string()})).await
    }

    async fn start_with(&self, input: &Value) -> String {
        let answer = self.json("states", "AWSStepFunctions.StartExecution", input).await;
        answer["executionArn"].as_str().expect("an ARN").to_owned()
    }

    /// A state machine like the deployed one, but whose waits for an event last `seconds`; its ARN. Made if no such
    /// machine has been made yet.
    pub async fn impatient_machine(&self, name: &str, seconds: u32) -> String {
        let list = self.json("states", "AWSStepFunctions.ListStateMachines", &json!({})).await;
        let made = list["stateMachines"].as_array().cloned().unwrap_or_default();
        if let Some(machine) = made.iter().find(|machine| machine["name"] == name) {
            return machine["stateMachineArn"].as_str().expect("an ARN").to_owned();
        }
        let described = self
            .json("states", "AWSStepFunctions.DescribeStateMachine", &json!({"stateMachineArn": self.machine}))
            .await;
        let mut definition: Value =
            serde_json::from_str(described["definition"].as_str().expect("a definition")).expect("JSON");
        for state in ["AwaitRegistration", "AwaitCertificate"] {
            let sleeps = definition["States"][state]["TimeoutSeconds"].as_u64();
            assert!(sleeps.is_some_and(|sleeps| sleeps > u64::from(seconds)), "{state} sleeps {sleeps:?} s");
            definition["States"][state]["TimeoutSeconds"] = json!(seconds);
        }
        let body = json!({"name": name, "definition": definition.to_string(), "roleArn": described["roleArn"]});
        let made = self.json("states", "AWSStepFunctions.CreateStateMachine", &body).await;
        made["stateMachineArn"].as_str().expect("an ARN").to_owned()
    }

    /// Waits until an execution has ended.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn ended(&self, arn: &str) -> Ended {
        let mut pause = LOOK_EVERY;
        let ended = tokio::time::timeout(GIVE_UP_AFTER, async {
            loop {
                let answer =
                    self.json("states", "AWSStepFunctions.DescribeExecution", &json!({"executionArn": arn})).await;
                let parsed = |field: &str| {
                    answer[field].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
                };
                let status = answer["status"].as_str().unwrap_or_default().to_owned();
                if status != "RUNNING" {
                    return Ended {
                        arn: arn.to_owned(),
                        output: if status == "SUCCEEDED" { parsed("output") } else { Value::Null },
                        error: answer["error"].as_str().unwrap_or_default().to_owned(),
                        cause: parsed("cause"),
                        status,
                    };
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 5 / 4).min(LOOK_AT_LAST_EVERY);
            }
        })
        .await;
        ended.unwrap_or_else(|_| panic!("{arn} did not end within {GIVE_UP_AFTER:?}"))
    }

    /// The names of the states that an execution has entered, in order.
    pub async fn states(&self, arn: &str) -> Vec<String> {
        let events = self.history(arn).await;
        events
            .iter()
            .filter_map(|event| event["stateEnteredEventDetails"]["name"].as_str().map(str::to_owned))
            .collect()
    }

    /// Publishes events of source `nameplate`.
    ///
    /// # Panics
    /// When the bus refuses one.
    pub async fn publish(&self, detail_type: &str, detail: &Value, times: usize) {
        let entry = json!({"Source": "nameplate", "DetailType": detail_type, "Detail": detail.to_string()});
        let answer = self.json("events", "AWSEvents.PutEvents", &json!({"Entries": vec![entry; times]})).await;
        assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    }

    /// The executions for `domain`, by the input that they were started with, once there are `count`.
    ///
    /// # Panics
    /// When that does not happen.
    pub async fn executions_for(&self, domain: &str, count: usize) -> Vec<String> {
        let mut found = Vec::new();
        let wait = tokio::time::timeout(GIVE_UP_AFTER, async {
            while found.len() < count {
                tokio::time::sleep(LOOK_EVERY).await;
                found = self.executions_of(domain).await;
            }
        });
        assert!(wait.await.is_ok(), "{count} executions expected: {found:?}");
        found
    }

    async fn executions_of(&self, domain: &str) -> Vec<String> {
        let body = json!({"stateMachineArn": self.machine, "maxResults": 1000});
        let list = self.json("states", "AWSStepFunctions.ListExecutions", &body).await;
        let mut found = Vec::new();
        for execution in list["executions"].as_array().cloned().unwrap_or_default() {
            let arn = execution["executionArn"].as_str().expect("an ARN").to_owned();
            let body = json!({"executionArn": arn});
            let described = self.json("states", "AWSStepFunctions.DescribeExecution", &body).await;
            let input: Value =
                serde_json::from_str(described["input"].as_str().unwrap_or_default()).unwrap_or_default();
            if input["domainName"] == domain {
                found.push(arn);
            }
        }
        found
    }

    /// Says how a name stands at its registry.
    pub async fn registry(&self, domain: &str, state: Value) {
        self.control(Method::PUT, &format!("/_local/domains/{domain}"), Some(&state)).await;
    }

    /// What the registrations of `domain` have cost so far: one amount for each charge.
    pub async fn charges(&self, domain: &str) -> Vec<f64> {
        let ledger = self.control(Method::GET, "/_local/charges", None).await;
        let charges = ledger["charges"].as_array().cloned().unwrap_or_default();
        charges
            .iter()
            .filter(|charge| charge["domain"] == domain)
            .filter_map(|charge| charge["amount"].as_f64())
            .collect()
    }

    /// The number of the last call that the local AWS has recorded.
    pub async fn calls_so_far(&self) -> u64 {
        self.control(Method::GET, "/_local/health", None).await["calls"].as_u64().expect("a number of calls")
    }

    /// The calls after number `after` that the functions of a run made: neither our own, nor the poller's, nor the
    /// state machine's.
    pub async fn calls_after(&self, after: u64) -> Vec<Call> {
        let calls = self.calls(&format!("after={after}")).await;
        let of_a_step = |call: &Call| call.caller.contains("Function") && !call.caller.contains("PollRegistrations");
        calls.into_iter().filter(of_a_step).collect()
    }

    /// The recorded calls that `filter` takes: a query of the local AWS's `/_local/calls`.
    pub async fn calls(&self, filter: &str) -> Vec<Call> {
        let answer = self.control(Method::GET, &format!("/_local/calls?{filter}"), None).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let calls = answer["calls"].as_array().cloned().unwrap_or_default();
        calls
            .iter()
            .map(|call| Call {
                caller: text(&call["caller"]),
                service: text(&call["service"]),
                action: text(&call["action"]),
                resource: text(&call["resource"]),
            })
            .collect()
    }

    /// The domain item, each attribute as text.
    pub async fn item(&self, domain: &str) -> Value {
        let body =
            json!({"TableName": self.table, "Key": {"id": {"S": format!("domain#{domain}")}}, "ConsistentRead": true});
        self.json("dynamodb", "DynamoDB_20120810.GetItem", &body).await["Item"].clone()
    }

    /// The watches of a domain, each attribute as text.
    pub async fn watches(&self, domain: &str) -> Vec<Value> {
        let mut body = json!({
            "TableName": self.table,
            "FilterExpression": "begins_with(id, :watch) AND #domain = :domain",
            "ExpressionAttributeNames": {"#domain": "domain"},
            "ExpressionAttributeValues": {":watch": {"S": "watch#"}, ":domain": {"S": domain}},
            "ConsistentRead": true,
        });
        let mut watches = Vec::new();
        loop {
            let page = self.json("dynamodb", "DynamoDB_20120810.Scan", &body).await;
            watches.extend(page["Items"].as_array().cloned().unwrap_or_default());
            if page["LastEvaluatedKey"].is_null() {
                return watches;
            }
            body["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
        }
    }

    /// The ids of the public zones of exactly this name.
    pub async fn zones(&self, domain: &str) -> Vec<String> {
        let xml =
            self.route53(Method::GET, &format!("/2013-04-01/hostedzonesbyname?dnsname={domain}"), String::new()).await;
        elements(&xml, "HostedZone")
            .filter(|zone| element(zone, "Name") == format!("{domain}."))
            .map(|zone| element(zone, "Id").trim_start_matches("/hostedzone/").to_owned())
            .collect()
    }

    /// Makes a hosted zone as somebody else does.
    pub async fn make_zone(&self, name: &str) {
        let body = format!(
            "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}</Name>\
             <CallerReference>somebody-else-{name}</CallerReference></CreateHostedZoneRequest>"
        );
        self.route53(Method::POST, "/2013-04-01/hostedzone", body).await;
    }

    /// The name servers of a zone, sorted.
    pub async fn name_servers(&self, zone_id: &str) -> Vec<String> {
        let xml = self.route53(Method::GET, &format!("/2013-04-01/hostedzone/{zone_id}"), String::new()).await;
        let mut servers: Vec<String> = elements(&xml, "NameServer").map(str::to_owned).collect();
        servers.sort();
        servers
    }

    /// The records of a zone as `name type value`, without NS and SOA, sorted.
    pub async fn records(&self, zone_id: &str) -> Vec<String> {
        let xml = self.route53(Method::GET, &format!("/2013-04-01/hostedzone/{zone_id}/rrset"), String::new()).await;
        let mut records: Vec<String> = elements(&xml, "ResourceRecordSet")
            .map(|set| {
                let target = element(set, "DNSName");
                let value = if target.is_empty() { element(set, "Value") } else { target };
                format!("{} {} {}", element(set, "Name"), element(set, "Type"), value)
            })
            .filter(|record| !record.contains(" NS ") && !record.contains(" SOA "))
            .collect();
        records.sort();
        records
    }

    /// The tags of a zone, as `key=value`, sorted.
    pub async fn zone_tags(&self, zone_id: &str) -> Vec<String> {
        let xml = self.route53(Method::GET, &format!("/2013-04-01/tags/hostedzone/{zone_id}"), String::new()).await;
        let mut tags: Vec<String> =
            elements(&xml, "Tag").map(|tag| format!("{}={}", element(tag, "Key"), element(tag, "Value"))).collect();
        tags.sort();
        tags
    }

    /// Puts a tag on a zone.
    ///
    /// # Panics
    /// When Route 53 does not take it.
    pub async fn tag_zone(&self, zone_id: &str, key: &str, value: &str) {
        let body = format!(
            "<ChangeTagsForResourceRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><AddTags>\
             <Tag><Key>{key}</Key><Value>{value}</Value></Tag></AddTags></ChangeTagsForResourceRequest>"
        );
        self.route53(Method::POST, &format!("/2013-04-01/tags/hostedzone/{zone_id}"), body).await;
    }

    /// Writes a record into a zone as somebody else does, in the place of one that is there.
    ///
    /// # Panics
    /// When Route 53 does not take it.
    pub async fn put_record(&self, zone_id: &str, name: &str, kind: &str, value: &str) {
        let value = value.replace('"', "&quot;");
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
             <Change><Action>UPSERT</Action><ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>60</TTL>\
             <ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>\
             </ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.route53(Method::POST, &format!("/2013-04-01/hostedzone/{zone_id}/rrset"), body).await;
    }

    /// Removes the record of that name and type from a zone, as it stands there.
    ///
    /// # Panics
    /// When there is none.
    pub async fn remove_record(&self, zone_id: &str, name: &str, kind: &str) {
        let path = format!("/2013-04-01/hostedzone/{zone_id}/rrset");
        let xml = self.route53(Method::GET, &path, String::new()).await;
        let set = elements(&xml, "ResourceRecordSet")
            .find(|set| element(set, "Name").trim_end_matches('.') == name && element(set, "Type") == kind)
            .unwrap_or_else(|| panic!("no {kind} record {name} in {zone_id}"));
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
             <Change><Action>DELETE</Action><ResourceRecordSet>{set}</ResourceRecordSet></Change>\
             </Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.route53(Method::POST, &path, body).await;
    }

    /// Writes a record into a zone, as somebody else would.
    pub async fn write_record(&self, zone_id: &str, name: &str, kind: &str, value: &str) {
        let body = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
             <Change><Action>CREATE</Action><ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>60</TTL>\
             <ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>\
             </ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.route53(Method::POST, &format!("/2013-04-01/hostedzone/{zone_id}/rrset"), body).await;
    }

    /// The certificates whose main name is `domain`.
    pub async fn certificates(&self, domain: &str) -> Vec<Value> {
        let body = json!({"MaxItems": 1000, "Includes": {"keyTypes": ["RSA_2048", "EC_prime256v1", "EC_secp384r1"]}});
        let list = self.json("acm", "CertificateManager.ListCertificates", &body).await;
        let mut found = Vec::new();
        for summary in list["CertificateSummaryList"].as_array().cloned().unwrap_or_default() {
            if summary["DomainName"] == domain {
                let body = json!({"CertificateArn": summary["CertificateArn"]});
                match self.client.json("acm", "CertificateManager.DescribeCertificate", &body).await {
                    Ok(described) => found.push(described["Certificate"].clone()),
                    // It went after it was listed.
                    Err(error) if error.to_string().contains("ResourceNotFoundException") => {}
                    Err(error) => panic!("DescribeCertificate: {error}"),
                }
            }
        }
        found
    }

    /// Somebody clicks the link in the mail about each of these names of a certificate that ACM asks about by e-mail.
    pub async fn click_for(&self, certificate: &Value, names: &[&str]) {
        let id = certificate["CertificateArn"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
        let path = format!("/_local/certificates/{id}/clicks");
        for name in names {
            self.control(Method::POST, &path, Some(&json!({"name": name}))).await;
        }
    }

    /// The tags of a certificate, as `key=value`, sorted.
    pub async fn certificate_tags(&self, arn: &str) -> Vec<String> {
        let body = json!({"CertificateArn": arn});
        let answer = self.json("acm", "CertificateManager.ListTagsForCertificate", &body).await;
        pairs(&answer["Tags"])
    }

    /// The tags of a registered name, as `key=value`, sorted.
    pub async fn domain_tags(&self, domain: &str) -> Vec<String> {
        let body = json!({"DomainName": domain});
        let answer = self.json("route53domains", "Route53Domains_v20140515.ListTagsForDomain", &body).await;
        pairs(&answer["TagList"])
    }

    /// The APIs that are tagged with `domain`.
    pub async fn apis(&self, domain: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut path = "/v2/apis?maxResults=500".to_owned();
        loop {
            let page = self.rest("apigateway", Method::GET, &path, None).await;
            let apis = page["items"].as_array().cloned().unwrap_or_default();
            found.extend(apis.into_iter().filter(|api| api["tags"]["nameplate:domain"] == domain));
            match page["nextToken"].as_str() {
                Some(next) => path = format!("/v2/apis?maxResults=500&nextToken={next}"),
                None => return found,
            }
        }
    }

    /// A list below an API: `routes`, `integrations`, `stages`.
    pub async fn api_parts(&self, api_id: &str, what: &str) -> Vec<Value> {
        let answer = self.rest("apigateway", Method::GET, &format!("/v2/apis/{api_id}/{what}"), None).await;
        answer["items"].as_array().cloned().unwrap_or_default()
    }

    /// The ARN of the stack's function of that kind, such as `Resume`.
    ///
    /// # Panics
    /// When there is none.
    pub async fn function(&self, kind: &str) -> String {
        let page = self.rest("lambda", Method::GET, "/2015-03-31/functions/?MaxItems=1000", None).await;
        let mut arns = page["Functions"].as_array().into_iter().flatten().filter_map(|f| f["FunctionArn"].as_str());
        let arn = arns.find(|arn| arn.contains(&format!("-{kind}Function-")));
        arn.unwrap_or_else(|| panic!("no function {kind}")).to_owned()
    }

    /// The resource policy of a function, as text.
    pub async fn policy_of(&self, function: &str) -> String {
        let answer = self.rest("lambda", Method::GET, &format!("/2015-03-31/functions/{function}/policy"), None).await;
        answer["Policy"].as_str().unwrap_or_default().to_owned()
    }

    /// The same of a function that may have none, or be gone.
    pub async fn policy_of_any(&self, function: &str) -> String {
        let path = format!("/2015-03-31/functions/{function}/policy");
        let answer = self.client.rest_json("lambda", Method::GET, &path, None).await.unwrap_or_default();
        answer["Policy"].as_str().unwrap_or_default().to_owned()
    }

    /// A custom domain of API Gateway, or null.
    pub async fn custom_domain(&self, name: &str) -> Value {
        // The only answer without a domain is that there is none.
        self.client
            .rest_json("apigateway", Method::GET, &format!("/v2/domainnames/{name}"), None)
            .await
            .unwrap_or(Value::Null)
    }

    /// The mappings of a custom domain.
    pub async fn mappings(&self, name: &str) -> Vec<Value> {
        let answer = self.rest("apigateway", Method::GET, &format!("/v2/domainnames/{name}/apimappings"), None).await;
        answer["items"].as_array().cloned().unwrap_or_default()
    }

    /// Makes the domain item forget which request it is the result of, so that the next run takes the whole path.
    pub async fn forget_fingerprint(&self, domain: &str) {
        let body = json!({
            "TableName": self.table,
            "Key": {"id": {"S": format!("domain#{domain}")}},
            "UpdateExpression": "REMOVE fingerprint",
            "ConditionExpression": "attribute_exists(fingerprint)",
        });
        self.json("dynamodb", "DynamoDB_20120810.UpdateItem", &body).await;
    }

    /// Asks for `path` at `host` with headers of the client's own: status and body.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn get_with(&self, host: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let answer = self.client.at_host_with(Method::GET, host, path, headers, "").await;
        answer.unwrap_or_else(|error| panic!("{host}{path}: {error}"))
    }

    /// Asks for `path` at `host`, as a client that resolves the name in the local DNS: status and body.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn get(&self, host: &str, path: &str) -> (u16, String) {
        self.client.at_host(Method::GET, host, path, "").await.unwrap_or_else(|error| panic!("{host}{path}: {error}"))
    }
}

/// One recorded call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function or state machine that made it.
    pub caller: String,
    /// The service, as in IAM actions.
    pub service: String,
    /// The API's own name of the operation.
    pub action: String,
    /// What it was about, where known.
    pub resource: String,
}

/// `key=value` of a list of tags, sorted.
fn pairs(tags: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut pairs: Vec<String> = tags
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| format!("{}={}", text(&tag["Key"]), text(&tag["Value"])))
        .collect();
    pairs.sort();
    pairs
}

/// The contents of every `<name>…</name>` that does not lie in another one.
pub(crate) fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let start = rest.find(&open)? + open.len();
        let end = start + rest[start..].find(&close)?;
        let content = &rest[start..end];
        rest = &rest[end + close.len()..];
        Some(content)
    })
}

/// The content of the first `<name>`, or nothing.
pub(crate) fn element(xml: &str, name: &str) -> String {
    elements(xml, name).next().unwrap_or_default().to_owned()
}

"""Sends the calls that AWS's own services make through the local AWS, as a client's calls go.

In MiniStack, Step Functions and EventBridge call other services by a function call, past signatures, IAM and the
record. Here Step Functions signs with its state machine's role and calls AWS_ENDPOINT_URL, and EventBridge hands
every target of an event to the local AWS, which delivers it. A call names the execution that it is made for, and
hands a trace id on to the Lambda that it invokes, as AWS does.

Also mends what stopping an execution leaves behind in MiniStack: a stopped execution answers no token and starts no
further attempt.

MiniStack is pinned to one version; `install` fails if a function that is replaced here is not there.
"""

import contextvars
import hashlib
import json
import os
import threading
import uuid

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import urllib3

from ministack.services import eventbridge, lambda_svc, stepfunctions, sts

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
REGION = os.environ["MINISTACK_REGION"]
ACCOUNT = os.environ["MINISTACK_ACCOUNT_ID"]

# An answer of Lambda may take as long as a function may run.
_http = urllib3.PoolManager(maxsize=256, retries=False, timeout=urllib3.Timeout(connect=10, read=900))

# The execution on whose behalf the current thread works: its record and its context object.
_current = contextvars.ContextVar("execution", default=None)
# The trace header of the invocation that is being made.
_trace = contextvars.ContextVar("trace", default=None)
# Context objects of running executions, by ARN.
_contexts = {}


def _session(owner, role_arn):
    """Credentials for `role_arn` in the hands of `owner`, made as MiniStack makes those of a function."""
    digest = hashlib.sha256(f"{owner}:{role_arn}".encode()).hexdigest()
    access_key = f"ASIA{digest[:16].upper()}"
    secret_key = hashlib.sha256(f"secret:{digest}".encode()).hexdigest()
    token = hashlib.sha256(f"token:{digest}".encode()).hexdigest()
    role = role_arn.rsplit("/", 1)[-1]
    name = owner.replace("/", ":").rsplit(":", 1)[-1][:64]
    sts.register_session(access_key, {
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}",
        "UserId": f"{role}:{name}",
        "SecretAccessKey": secret_key,
        "SessionToken": token,
    })
    return botocore.credentials.Credentials(access_key, secret_key, token)


def _trace_of(execution_arn):
    return "Root=1-00000000-" + hashlib.sha256(execution_arn.encode()).hexdigest()[:24]


class _CallFailed(Exception):
    """A call that was refused, or that got no answer: then without a code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message


def _call(service, path, headers, body):
    """Calls a service through the local AWS, as the state machine of the current execution."""
    execution, context = _current.get()
    machine = execution["stateMachineArn"]
    role = stepfunctions._state_machines[machine]["roleArn"]
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amzn-trace-id": _trace_of(execution["executionArn"]),
        "x-local-aws-execution": execution["executionArn"],
        **headers,
    }
    if "Task" in context:
        headers["x-local-aws-task-token"] = context["Task"]["Token"]
    request = botocore.awsrequest.AWSRequest("POST", ENDPOINT + path, headers=headers, data=body)
    botocore.auth.SigV4Auth(_session(machine, role), service, REGION).add_auth(request)
    try:
        answer = _http.request("POST", ENDPOINT + path, body=body, headers=dict(request.headers.items()))
    except urllib3.exceptions.HTTPError as error:
        raise _CallFailed(None, f"no answer: {error}") from error
    try:
        result = json.loads(answer.data) if answer.data else {}
    except ValueError as error:
        raise _CallFailed(None, "the answer is no JSON") from error
    if answer.status >= 400:
        code = answer.headers.get("x-amzn-errortype") or result.get("__type") or result.get("Code") or "Unknown"
        code = code.split(":")[0].rsplit("#", 1)[-1].rsplit(".", 1)[-1]
        raise _CallFailed(code, result.get("message") or result.get("Message") or "")
    return answer, result


def _json_call(service, target, body, prefix):
    """A call of a JSON service. `prefix` is the service's name in the errors of Step Functions."""
    try:
        _, result = _call(service, "/", {"x-amz-target": target}, json.dumps(body))
        return result
    except _CallFailed as failure:
        name = failure.code or "SdkClientException"
        raise stepfunctions._ExecutionError(f"{prefix}.{name}", failure.message) from failure


def _dynamodb(operation, input_data):
    target = "DynamoDB_20120810." + operation[0].upper() + operation[1:]
    return _json_call("dynamodb", target, input_data, "DynamoDB")


def _put_events(resource, input_data):
    entries = []
    for entry in input_data.get("Entries", []):
        detail = entry.get("Detail")
        entries.append(entry if isinstance(detail, str) else {**entry, "Detail": json.dumps(detail)})
    result = _json_call("events", "AWSEvents.PutEvents", {"Entries": entries}, "EventBridge")
    if result.get("FailedEntryCount"):
        raise stepfunctions._ExecutionError("EventBridge.FailedEntry", json.dumps(result["Entries"]))
    return result


def _sdk_json(service_info, service_name, action, input_data):
    pascal = action[0].upper() + action[1:]
    key = service_info.get("service_key", service_name)
    body = stepfunctions._sdk_json_params(service_info, key, pascal, input_data)
    prefix = stepfunctions._prefix_sdk_error(service_name, "X").rsplit(".", 1)[0]
    result = _json_call(key, f"{service_info['target_prefix']}.{pascal}", body, prefix)
    return stepfunctions._sdk_json_result(key, pascal, result)


# Lambda's exceptions, as Step Functions names them.
_LAMBDA_ERRORS = {
    "TooManyRequestsException": "Lambda.TooManyRequestsException",
    "ResourceNotFoundException": "Lambda.ResourceNotFoundException",
    "ServiceException": "Lambda.ServiceException",
    "AccessDeniedException": "Lambda.AWSLambdaException",
    None: "Lambda.SdkClientException",
}


def _invoke(function, event):
    try:
        answer, body = _call("lambda", f"/2015-03-31/functions/{function}/invocations",
                             {"content-type": "application/json"}, json.dumps(event))
    except _CallFailed as failure:
        error = _LAMBDA_ERRORS.get(failure.code, "Lambda.AWSLambdaException")
        raise stepfunctions._ExecutionError(error, failure.message) from failure
    if answer.headers.get("x-amz-function-error"):
        raise stepfunctions._ExecutionError(body.get("errorType", "Lambda.Unknown"), json.dumps(body))
    return body


def _execute_task(state_def, raw_input, execution, ctx):
    if ".waitForTaskToken" not in state_def.get("Resource", ""):
        ctx.pop("Task", None)
    _contexts[execution["executionArn"]] = ctx
    token = _current.set((execution, ctx))
    try:
        return _original[_execute_task](state_def, raw_input, execution, ctx)
    finally:
        _current.reset(token)
        _contexts.pop(execution["executionArn"], None)


def _find_matching_retrier(retriers, error, retry_counts):
    current = _current.get()
    if current is not None and current[0]["status"] != "RUNNING":
        return None, -1
    return _original[_find_matching_retrier](retriers, error, retry_counts)


def _stop_execution(data):
    answer = _original[_stop_execution](data)
    context = _contexts.get(data.get("executionArn"))
    waiting = stepfunctions._task_tokens.pop((context or {}).get("Task", {}).get("Token"), None)
    if waiting is not None:
        waiting["error"] = {"Error": "States.TaskFailed", "Cause": "the execution was stopped"}
        # The sleeper takes its entry away itself.
        stepfunctions._task_tokens[context["Task"]["Token"]] = waiting
        waiting["event"].set()
    return answer


def _invoke_target(target, event, rule, view=None):
    """Hands a target of a matching rule to the local AWS. Events are asynchronous: nobody waits for it."""
    if target.get("RoleArn"):
        _session(rule["Arn"], target["RoleArn"])
    view = view or eventbridge._pattern_event_view(event)
    body = json.dumps({"rule": rule.get("Name"), "ruleArn": rule.get("Arn"), "target": target,
                       "event": view.event_with_detail()})

    def deliver():
        _http.request("POST", ENDPOINT + "/_local/deliveries", body=body,
                      headers={"content-type": "application/json"})

    threading.Thread(target=deliver, daemon=True).start()


async def _lambda_invoke(name, event, headers, *args, **kwargs):
    # What Lambda hands to a function: the caller's trace, or one of its own.
    inbound = headers.get("x-amzn-trace-id")
    _trace.set(inbound or f"Root=1-00000000-{uuid.uuid4().hex[:24]}")
    return await _original[_lambda_invoke](name, event, headers, *args, **kwargs)


def _trace_id(config, inbound=None):
    return inbound or _trace.get()


_original = {}


def install():
    """Replaces MiniStack's functions."""
    for module, name, replacement in [
        (stepfunctions, "_invoke_dynamodb", _dynamodb),
        (stepfunctions, "_dispatch_aws_sdk_json", _sdk_json),
        (stepfunctions, "_call_lambda", _invoke),
        (stepfunctions, "_execute_task", _execute_task),
        (stepfunctions, "_find_matching_retrier", _find_matching_retrier),
        (stepfunctions, "_stop_execution", _stop_execution),
        (eventbridge, "_invoke_target", _invoke_target),
        (lambda_svc, "_invoke", _lambda_invoke),
        (lambda_svc, "_xray_trace_id_for_invocation", _trace_id),
    ]:
        _original[replacement] = getattr(module, name)
        setattr(module, name, replacement)
    key = "arn:aws:states:::events:putEvents"
    if key not in stepfunctions._SERVICE_DISPATCH:
        raise RuntimeError("MiniStack has changed: no " + key)
    stepfunctions._SERVICE_DISPATCH[key] = _put_events

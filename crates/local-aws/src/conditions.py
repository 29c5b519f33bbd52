"""Tells MiniStack's IAM what a request is about, where MiniStack does not by itself, so that a policy's conditions
are judged here as on AWS.

Source of each key: the Service Authorization Reference of its service. MiniStack supplies `aws:RequestTag` of every
service but API Gateway, and `aws:ResourceTag` of few; what is judged stays MiniStack's affair.

A request with the header `x-local-aws-authorize` is judged and not carried out: the answer of one that is allowed
has the same header.

MiniStack is pinned to one version; the import fails if what is replaced here is not there.
"""

import json
import re
import xml.etree.ElementTree

import ministack.app
from ministack.core import iam_actions
from ministack.services import acm, apigateway, apigateway_v1, dynamodb, tagging

ASK_ONLY = "x-local-aws-authorize"


def _json(body):
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _record_name(name):
    """A record's name as Route 53 compares it: lower case, no final dot, other characters as octal numbers."""
    name = name.lower().removesuffix(".")
    return re.sub(r"[^a-z0-9._\\-]", lambda found: f"\\{ord(found[0]):03o}", name)


def _record_changes(body, params):
    try:
        root = xml.etree.ElementTree.fromstring(body)
    except xml.etree.ElementTree.ParseError:
        return {}

    def texts(name):
        return [element.text or "" for element in root.iter() if element.tag.rpartition("}")[2] == name]

    return {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": [_record_name(name) for name in texts("Name")],
        "route53:ChangeResourceRecordSetsRecordTypes": texts("Type"),
        "route53:ChangeResourceRecordSetsActions": texts("Action"),
    }


def _events(body, params):
    entries = [entry for entry in _json(body).get("Entries") or [] if isinstance(entry, dict)]
    return {"events:source": [entry.get("Source", "") for entry in entries],
            "events:detail-type": [entry.get("DetailType", "") for entry in entries]}


def _gateway_tags(body, params):
    tags = _json(body).get("tags") or {}
    keys = {"aws:TagKeys": list(tags)} if tags else {}
    return {**{f"aws:RequestTag/{name}".lower(): value for name, value in tags.items()}, **keys}


def _gateway_untags(body, params):
    keys = params.get("tagKeys") or []
    return {"aws:TagKeys": keys if isinstance(keys, list) else [keys]} if keys else {}


def _endpoint(body, params):
    closed = _json(body).get("disableExecuteApiEndpoint")
    return {} if closed is None else {"apigateway:Request/DisableExecuteApiEndpoint": str(closed).lower()}


def _certificate(body, params):
    return {"acm:Export": (_json(body).get("Options") or {}).get("Export", "DISABLED")}


def _permission(body, params):
    return {"lambda:Principal": _json(body).get("Principal")}


_OF_ACTION = {
    "acm:RequestCertificate": _certificate,
    "apigateway:DELETE": _gateway_untags,
    "apigateway:PATCH": _endpoint,
    "apigateway:POST": _gateway_tags,
    "events:PutEvents": _events,
    "lambda:AddPermission": _permission,
    "route53:ChangeResourceRecordSets": _record_changes,
}


def _request_tag_context(service, iam_action, body, params):
    more = _OF_ACTION.get(iam_action)
    return {**_original_context(service, iam_action, body, params), **(more(body, params or {}) if more else {})}


def _dynamodb_service_context(body):
    """With the partition key of an item that is named whole. A query's key is not read."""
    request = _json(body)
    table = dynamodb._tables.get(str(request.get("TableName", "")).rpartition("/")[2]) or {}
    hashes = [element["AttributeName"] for element in table.get("KeySchema", []) if element["KeyType"] == "HASH"]
    item = request.get("Key") or request.get("Item") or {}
    values = [str(value) for name in hashes for value in item.get(name, {}).values()]
    return {**_original_dynamodb(body), **({"dynamodb:LeadingKeys": values} if values else {})}


def _resource_arn(service, method, path, headers, body, query_params, region, account_id):
    """What MiniStack knows no ARN of: the change that Route 53 is asked about, and all log groups, which CloudWatch Logs
    asks for, whatever prefix is named, by the ARN of a log stream of no group (seen in
    hashicorp/terraform-provider-aws#8804)."""
    change = re.fullmatch(r"/2013-04-01/change/([^/]+)", path) if service == "route53" else None
    if change:
        return f"arn:aws:route53:::change/{change[1]}"
    if service == "logs" and headers.get("x-amz-target", "").endswith(".DescribeLogGroups"):
        return f"arn:aws:logs:{region}:{account_id}:log-group::log-stream:"
    return _original_resource_arn(service, method, path, headers, body, query_params, region, account_id)


def _pairs(tags):
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def _tags_of_gateway():
    for store in (apigateway._api_tags, apigateway_v1._v1_tags):
        for arn in store:
            yield arn, _pairs(store[arn])


def _tags_of_certificates():
    for arn in acm._certificates:
        yield arn, [{"Value": "", **tag} for tag in acm._certificates[arn].get("Tags", [])]


def _unless_only_asked(handler):
    async def answer(method, path, headers, body, query_params):
        if ASK_ONLY in headers:
            return 200, {"Content-Type": "application/json", ASK_ONLY: "allowed"}, b"{}"
        return await handler(method, path, headers, body, query_params)

    return answer


_original_context = iam_actions.request_tag_context
_original_dynamodb = iam_actions.dynamodb_service_context
_original_resource_arn = iam_actions.extract_resource_arn


def install():
    """Replaces MiniStack's functions and adds to its tables."""
    iam_actions.request_tag_context = _request_tag_context
    iam_actions.dynamodb_service_context = _dynamodb_service_context
    iam_actions.extract_resource_arn = _resource_arn
    tagging._RESOURCE_TAG_COLLECTORS["apigateway"] = _tags_of_gateway
    tagging._RESOURCE_TAG_COLLECTORS["acm"] = _tags_of_certificates
    handlers = ministack.app.SERVICE_HANDLERS
    for name, handler in handlers.items():
        handlers[name] = _unless_only_asked(handler)

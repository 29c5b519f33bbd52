"""What API Gateway does with the frames of a WebSocket API otherwise than MiniStack.

A stage answers with the routes that its deployment holds, not with those that are there now, unless it deploys by
itself (Developer Guide, "Deploy WebSocket APIs"). A function must permit the route to call (AWS-FACTS 4.1.10). What a
route's target answers goes back to the client only where the route says so (Developer Guide, "WebSocket selection
expressions"). A frame that no route takes is answered with an error (seen in aws-samples/simple-websockets-chat-app#24).
An HTTP endpoint gets frames by POST, with the headers that its integration maps (Developer Guide, "Set up data mapping
for WebSocket APIs"). Integrations are taken as they are now.

MiniStack is pinned to one version; `install` fails if a function that is replaced here is not there.
"""

import asyncio
import contextvars
import copy
import json
import os

import urllib3

from ministack.services import apigateway

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]

_http = urllib3.PoolManager(maxsize=64, retries=False, timeout=urllib3.Timeout(connect=10, read=29))

# The stage to which the connection of the current task was made.
_stage = contextvars.ContextVar("stage", default=None)
# The routes of each deployment, by its id.
_held = {}


def _create_deployment(api_id, data):
    status, headers, body = answer = _original[_create_deployment](api_id, data)
    if status == 201:
        _held[json.loads(body)["deploymentId"]] = copy.deepcopy(dict(apigateway._routes.get(api_id, {})))
    return answer


def _match_ws_route(api_id, route_key):
    stage = apigateway._stages.get(api_id, {}).get(_stage.get(), {})
    if stage.get("autoDeploy"):
        routes = apigateway._routes.get(api_id, {})
    else:
        routes = _held.get(stage.get("deploymentId"), {})
    of_frames = route_key not in ("$connect", "$disconnect")
    for key in (route_key, "$default") if of_frames else (route_key,):
        for route in routes.values():
            if route.get("routeKey") == key:
                return route
    return {"routeKey": route_key, "unknown": True} if of_frames else None


async def _handle_websocket(scope, receive, send, api_id, path_override=None):
    path = path_override if path_override is not None else scope.get("path", "")
    token = _stage.set(path.lstrip("/").split("/", 1)[0])
    try:
        await _original[_handle_websocket](scope, receive, send, api_id, path_override)
    finally:
        _stage.reset(token)


def _may_not(api_id, stage, route):
    """Why the route may not call its function, or None."""
    question = json.dumps({"api": api_id, "stage": stage, "route": route})
    answer = _http.request("POST", ENDPOINT + "/_local/permission", body=question,
                           headers={"content-type": "application/json"})
    return json.loads(answer.data)["missing"]


def _part(document, path):
    """A part of a message by its path; empty where there is none."""
    for name in path.split("."):
        document = document.get(name, "") if isinstance(document, dict) else ""
    return document if isinstance(document, str) else json.dumps(document)


def _mapped(expression, context, body, headers, query):
    """The value of a mapping expression."""
    if expression.startswith("'"):
        return expression.strip("'")
    if expression.startswith("context."):
        return str(context.get(expression.removeprefix("context."), ""))
    if expression.startswith("route.request.body."):
        try:
            return _part(json.loads(body or "{}"), expression.removeprefix("route.request.body."))
        except ValueError:
            return ""
    if expression.startswith("route.request.header."):
        return headers.get(expression.removeprefix("route.request.header.").lower(), "")
    if expression.startswith("route.request.querystring."):
        return ((query or {}).get(expression.removeprefix("route.request.querystring.")) or [""])[-1]
    return ""


def _post(api_id, integration, context, body, headers, query):
    """Hands a frame to an HTTP endpoint."""
    sent = {"content-type": "application/json"}
    for name, expression in (integration.get("requestParameters") or {}).items():
        if name.startswith("integration.request.header."):
            sent[name.removeprefix("integration.request.header.")] = _mapped(expression, context, body, headers, query)
    url = f"{ENDPOINT}/_local/integrations/{api_id}/{integration['integrationId']}/"
    answer = _http.request("POST", url, body=body, headers=sent)
    return {"statusCode": answer.status, "body": answer.data.decode("utf-8", "replace")}


def _error(message, status, connection_id, request_id):
    return {"statusCode": status,
            "body": json.dumps({"message": message, "connectionId": connection_id, "requestId": request_id})}


async def _invoke(api_id, account_id, region, route, stage, connection_id, event_type, message_id, body_text, source_ip,
                  headers, query_params=None, **kwargs):
    if route.get("unknown"):
        return _error("Forbidden", 403, connection_id, message_id)
    if await asyncio.to_thread(_may_not, api_id, stage, route):
        return _error("Internal server error", 500, connection_id, message_id)
    integration_id = route.get("target", "").removeprefix("integrations/")
    integration = apigateway._integrations.get(api_id, {}).get(integration_id)
    if integration and integration.get("integrationType") == "HTTP_PROXY":
        context = apigateway._ws_request_context(api_id, route["routeKey"], stage, connection_id, event_type,
                                                 message_id, source_ip, headers)
        answer = await asyncio.to_thread(_post, api_id, integration, context, body_text, headers, query_params)
    else:
        answer = await _original[_invoke](api_id, account_id, region, route, stage, connection_id, event_type,
                                          message_id, body_text, source_ip, headers, query_params=query_params,
                                          **kwargs)
    if answer and event_type == "MESSAGE" and not route.get("routeResponseSelectionExpression"):
        return {**answer, "body": None}
    return answer


_original = {}


def install():
    """Replaces MiniStack's functions."""
    for name, replacement in [
        ("_create_deployment", _create_deployment),
        ("_match_ws_route", _match_ws_route),
        ("handle_websocket", _handle_websocket),
        ("_invoke_ws_lambda", _invoke),
    ]:
        _original[replacement] = getattr(apigateway, name)
        setattr(apigateway, name, replacement)

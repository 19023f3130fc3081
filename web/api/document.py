"""The documentation of the APIs: an OpenAPI document, and a page that shows it without scripts."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

ABOUT = (
    "Pictures by the Kandinsky models, by three APIs: our own jobs API with progress and"
    " cancelling, OpenAI's Images API (/v1), and the part of Automatic1111's API that its clients"
    " draw with (/sdapi/v1). They share one history, one set of limits and one kind of key, made"
    " on the account page of the studio."
)
SCHEMES: dict[str, dict[str, str]] = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "Any name; the key is its password.",
    },
    "visitor": {
        "type": "apiKey",
        "in": "cookie",
        "name": "studio",
        "description": "What a browser is given by the studio's own page.",
    },
}
OPENAI = "/v1/"  # where what cannot be read is 400, and nothing is 422
JSON = "application/json"
METHODS = ("get", "post", "put", "delete")

router = APIRouter()

_templates = Environment(
    loader=PackageLoader("web.api"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


@router.get("/api/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    return JSONResponse(document(request.app))


@router.get("/api/docs", include_in_schema=False)
async def page(request: Request) -> Response:
    """The same for people."""
    whole = document(request.app)
    root = str(request.scope.get("root_path", "")).rstrip("/")
    site = request.app.state.public_url.rstrip("/") or (
        f"{request.url.scheme}://{request.url.netloc}{root}"
    )
    template = _templates.get_template("docs.html")
    html = template.render(
        about=ABOUT, root=root, site=site, groups=_groups(whole), schemas=_schemas(whole)
    )
    return HTMLResponse(html)


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the app, made when it is first asked for."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def _made(app: FastAPI) -> dict[str, Any]:
    whole = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
    whole["components"]["securitySchemes"] = SCHEMES
    whole["security"] = [{name: []} for name in SCHEMES]
    for path, operations in whole["paths"].items():
        for operation in operations.values():
            if path.startswith(OPENAI):
                operation["responses"].pop("422", None)
            for answer in operation["responses"].values():
                if answer.get("content", {}).get(JSON) == {"schema": {}}:  # none of ours is so
                    del answer["content"][JSON]
    return whole


def _groups(whole: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The calls by their tag, as the page shows them."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in whole["paths"].items():
        for method in METHODS:
            if method in operations:
                shown = _shown(path, method, operations[method], whole)
                groups.setdefault(operations[method]["tags"][0], []).append(shown)
    return groups


def _shown(
    path: str, method: str, operation: dict[str, Any], whole: dict[str, Any]
) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {})
    return {
        "id": operation["operationId"],
        "path": path,
        "method": method.upper(),
        "about": operation.get("description") or operation["summary"],
        "parameters": operation.get("parameters", []),
        "bodies": {kind: _body(content, whole) for kind, content in body.items()},
        "examples": [one for content in body.values() for one in _examples(content)],
        "answers": {
            status: answer["description"] for status, answer in operation["responses"].items()
        },
    }


def _body(content: dict[str, Any], whole: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(name, schema) of what a body may be: of each mode, where there are several."""
    schema = content["schema"]
    if "oneOf" not in schema:
        return [_resolved(schema, whole)]
    return [_resolved(one, whole) for one in schema["oneOf"]]


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return name, whole["components"]["schemas"][name] if name else schema


def _schemas(whole: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What answers look like, by name."""
    schemas: dict[str, dict[str, Any]] = whole["components"]["schemas"]
    return {name: one for name, one in schemas.items() if "properties" in one}


def _examples(content: dict[str, Any]) -> list[tuple[str, str]]:
    """(what it is, JSON)"""
    found = content.get("examples", {})
    shown = [(one.get("summary", ""), one["value"]) for one in found.values()]
    shown += [("", one) for one in content["schema"].get("examples", ())]
    shown += [("", content["example"])] if "example" in content else []
    return [(name, json.dumps(one, indent=2, ensure_ascii=False)) for name, one in shown]


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " or ".join(map(json.dumps, schema["enum"]))
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_kind(one) for one in several if one.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format", schema.get("type", "any")))


def _limits(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None or high is None:
        return ""
    return f"{low:.12g} to {high:.12g}"


_templates.filters.update(kind=_kind, limits=_limits)

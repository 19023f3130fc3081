"""Where a request leads to, whatever a proxy serves the studio under."""

from __future__ import annotations

from starlette.types import Scope

API_PLACES = ("/api/", "/v1/", "/sdapi/")


def path_of(scope: Scope) -> str:
    """The path of a request within the studio or, inside a mounted app, within that."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def is_api(scope: Scope) -> bool:
    return path_of(scope).startswith(API_PLACES)

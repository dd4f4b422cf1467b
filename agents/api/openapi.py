"""What does the schema say that the code alone does not? How a caller signs in."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

CHOSEN_FROM = ("TaskLine", "WholeTask")
"""Answers that may have only some of their fields, since `fields` chooses among them."""


def leave_out_what_may_be(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: no field of these answers is there in each of them."""
    for name in CHOSEN_FROM:
        result["components"]["schemas"][name].pop("required", None)
    return result


def close_bodies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: a body with a field that we don't know is refused, and the schema says so."""
    operations = [operation for path in result["paths"].values() for operation in path.values()]
    for operation in operations:
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        if name := body.get("$ref", "").rpartition("/")[2]:
            result["components"]["schemas"][name]["additionalProperties"] = False
    return result


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "agents.api.authentication.ApiKeyAuthentication"
    name = "api_key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: “Authorization: Bearer cs_…”."}

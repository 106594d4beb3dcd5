"""OpenAPI 3.1 and OpenRPC documents of a registry. The same registry gives the same document."""

from __future__ import annotations

from decimal import Decimal
from importlib.metadata import version
from inspect import cleandoc
from typing import Any, Final

import msgspec

from merkat.api.registry import Cost, Method, Registry
from merkat.api.written_types import written

REFERENCE: Final = "#/components/schemas/{name}"
AS_PARAMETER: Final = "AsParameter"
TITLE: Final = "merkat"
DESCRIPTION: Final = (
    "JSON-RPC 2.0 over HTTP and WebSocket in the dialect of Deribit's API, with the methods of a"
    " self-custodial venue under venue/. Numbers are exact decimals."
)
ENVELOPE: Final[dict[str, Any]] = {
    "title": "Envelope",
    "type": "object",
    "required": ["jsonrpc", "id", "usIn", "usOut", "usDiff", "testnet"],
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"description": "as it was sent; null over GET"},
        "usIn": {"type": "integer", "description": "received, microseconds since 1970"},
        "usOut": {"type": "integer", "description": "answered, microseconds since 1970"},
        "usDiff": {"type": "integer"},
        "testnet": {"type": "boolean"},
    },
}
ERROR: Final[dict[str, Any]] = {
    "title": "Error",
    "type": "object",
    "required": ["code", "message", "data"],
    "properties": {
        "code": {"type": "integer"},
        "message": {"type": "string"},
        "data": {
            "type": "object",
            "required": ["reason", "hint"],
            "properties": {
                "reason": {"type": "string", "description": "what was wrong"},
                "hint": {"type": "string", "description": "what to do"},
                "param": {"type": "string", "description": "the parameter that was wrong"},
                "wait": {"type": "integer", "description": "of 10028: milliseconds"},
            },
        },
    },
}


def openapi(registry: Registry) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document: each method as GET with a query and as POST."""
    methods = [registry.methods[name] for name in sorted(registry.methods)]
    schemas, parameters, results = _schemas(methods)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version("merkat"), "description": DESCRIPTION},
        "servers": [{"url": "/api/v2"}],
        "paths": {
            f"/{method.name}": _path(method, parameters[index], results[index], schemas)
            for index, method in enumerate(methods)
        },
        "components": {
            "schemas": schemas,
            "responses": {
                "Refused": _answer("Refused.", {"error": {"$ref": REFERENCE.format(name="Error")}})
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "deri-hmac-sha256 id=..,ts=..,sig=..,nonce=..",
                },
            },
        },
    }


def openrpc(registry: Registry) -> dict[str, Any]:
    """Return the OpenRPC 1.3 document: methods with named parameters, and the channels."""
    methods = [registry.methods[name] for name in sorted(registry.methods)]
    schemas, parameters, results = _schemas(methods)
    channels = [registry.channels[word] for word in sorted(registry.channels)]
    return {
        "openrpc": "1.3.2",
        "info": {"title": TITLE, "version": version("merkat"), "description": DESCRIPTION},
        "methods": [
            {
                "name": method.name,
                "summary": method.summary,
                "paramStructure": "by-name",
                "params": _content(parameters[index], schemas),
                "result": {"name": "result", "schema": results[index]},
                "x-cost": _cost(method),
                **({"x-scope": method.scope} if method.scope is not None else {}),
            }
            for index, method in enumerate(methods)
        ],
        "components": {"schemas": schemas},
        "x-channels": [
            {"pattern": channel.pattern, "summary": channel.summary} for channel in channels
        ],
    }


def _schemas(
    methods: list[Method],
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the shared schemas, and those of the parameters and results of each method.

    Parameters and results are built apart: a decimal is read as a number or its text, and written
    as a number. A name that is both gets another one as parameter.
    """
    parameter_types = [method.parameters.struct for method in methods]
    known: dict[type, Any] = {}
    result_types = [written(method.result_type, known) for method in methods]
    parameters, read = _components(parameter_types, ["number", "string"])
    results, given = _components(result_types, ["number"])
    twice = {name for name in read.keys() & given.keys() if read[name] != given[name]}
    parameters = [_renamed(item, twice) for item in parameters]
    for name in sorted(read):
        item = _renamed(read.pop(name), twice)
        read[f"{name}{AS_PARAMETER}" if name in twice else name] = item
    schemas = {**read, **given, "Envelope": ENVELOPE, "Error": ERROR}
    return dict(sorted(schemas.items())), parameters, results


def _components(
    types: list[Any], decimal_types: list[str]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the schema of each type and the schemas they share."""

    def hook(kind: type) -> dict[str, Any]:
        return {"title": kind.__name__}

    schemas, components = msgspec.json.schema_components(
        types, schema_hook=hook, ref_template=REFERENCE
    )
    plain: list[dict[str, Any]] = [_plain(item, decimal_types) for item in schemas]
    return plain, {name: _plain(item, decimal_types) for name, item in components.items()}


def _plain(schema: Any, decimal_types: list[str]) -> Any:
    """Return a schema with decimals as what they are in JSON here, defaults as JSON values."""
    if isinstance(schema, list):
        return [_plain(item, decimal_types) for item in schema]
    if isinstance(schema, Decimal):
        return str(schema)
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal" and schema.get("type") == "string":
        rest = {key: value for key, value in schema.items() if key not in ("type", "format")}
        kind: Any = decimal_types if len(decimal_types) > 1 else decimal_types[0]
        return {"type": kind, **{key: _plain(item, decimal_types) for key, item in rest.items()}}
    return {
        key: cleandoc(item)
        if key == "description" and isinstance(item, str)
        else _plain(item, decimal_types)
        for key, item in schema.items()
    }


def _renamed(schema: Any, names: set[str]) -> Any:
    """Return a schema whose references to these names are to their parameter form."""
    if isinstance(schema, list):
        return [_renamed(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: item + AS_PARAMETER
        if key == "$ref" and item.rpartition("/")[2] in names
        else _renamed(item, names)
        for key, item in schema.items()
    }


def _members(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the object schema that a reference means."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: dict[str, Any] = schemas[reference.rpartition("/")[2]]
    return found


def _content(schema: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the content descriptors of named parameters."""
    whole = _members(schema, schemas)
    required = set(whole.get("required", ()))
    return [
        {"name": name, "required": name in required, "schema": item}
        for name, item in whole.get("properties", {}).items()
    ]


def _path(
    method: Method,
    parameters: dict[str, Any],
    result: dict[str, Any],
    schemas: dict[str, Any],
) -> dict[str, Any]:
    """Return the two operations of a method."""
    tag = method.name.partition("/")[0]
    key = method.name.replace("/", "_").replace(".", "_")
    shared: dict[str, Any] = {
        "tags": [tag],
        "summary": method.summary,
        "responses": {
            "200": _answer("The result.", {"result": result}),
            "400": {"$ref": "#/components/responses/Refused"},
        },
        "x-cost": _cost(method),
    }
    if method.scope is not None:
        shared["security"] = [{"bearer": []}, {"basic": []}, {"signature": []}]
    query = [
        {
            "name": item["name"],
            "in": "query",
            "required": item["required"],
            "schema": item["schema"],
        }
        for item in _content(parameters, schemas)
    ]
    body = {
        "type": "object",
        "required": ["jsonrpc", "id", "params"]
        if _required(parameters, schemas)
        else ["jsonrpc", "id"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["integer", "string"]},
            "method": {"const": method.name},
            "params": parameters,
        },
    }
    request = {"required": True, "content": {"application/json": {"schema": body}}}
    return {
        "get": {"operationId": f"{key}_get", **shared, "parameters": query},
        "post": {"operationId": f"{key}_post", **shared, "requestBody": request},
    }


def _required(schema: dict[str, Any], schemas: dict[str, Any]) -> bool:
    return bool(_members(schema, schemas).get("required"))


def _answer(description: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a response whose envelope has a result or an error."""
    schema = {
        "allOf": [{"$ref": REFERENCE.format(name="Envelope")}],
        "type": "object",
        "required": list(body),
        "properties": body,
    }
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _cost(method: Method) -> dict[str, Any]:
    return {"bucket": method.cost.value, "units": 0 if method.cost is Cost.FREE else method.units}

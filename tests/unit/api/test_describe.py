"""OpenAPI and OpenRPC documents of a small registry, beside files that people have read."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from merkat.api.describe import openapi, openrpc
from merkat.api.registry import NoParams, Registry
from tests.unit.api.golden_files import FILES, GOLDEN, plain, short, whole
from tests.unit.api.small_server import registry


def golden(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_document_is_the_one_that_was_read(path: Path) -> None:
    assert FILES[path]() == golden(path), (
        "if the difference is meant: python -m tests.unit.api.golden_files, and read it"
    )


def test_a_parameter_of_another_type_is_a_difference() -> None:
    document = FILES[GOLDEN / "openrpc.json"]()
    changed = plain(openapi(whole()))
    before = short(changed)
    changed["paths"]["/private/buy"]["get"]["parameters"][0]["required"] ^= True
    after = short(changed)
    assert before["sha256"] != after["sha256"]
    assert before["methods"]["private/buy"] != after["methods"]["private/buy"]
    assert {method["name"] for method in document["methods"]} == before["methods"].keys()


def test_names_of_parameters_are_unique_and_their_types_are_said() -> None:
    for method in FILES[GOLDEN / "openrpc.json"]()["methods"]:
        names = [item["name"] for item in method["params"]]
        assert len(set(names)) == len(names)
        for item in method["params"]:
            assert item["schema"], f"{method['name']} {item['name']}: anything at all?"


def test_the_order_of_registration_does_not_matter() -> None:
    turned = Registry(
        dict(reversed(registry.methods.items())), dict(reversed(registry.channels.items()))
    )
    assert json.dumps(openapi(turned)) == json.dumps(openapi(registry))
    assert json.dumps(openrpc(turned)) == json.dumps(openrpc(registry))


def test_every_reference_is_there() -> None:
    for document in (openapi(registry), openrpc(registry)):
        found = references(document)
        assert found
        for reference in found:
            target: Any = document
            for word in reference.removeprefix("#/").split("/"):
                target = target[word]


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if "$ref" in value else []
    return own + [found for item in value.values() for found in references(item)]


def test_decimals_are_read_as_number_or_text_and_written_as_number() -> None:
    schemas = openapi(registry)["components"]["schemas"]
    read = schemas["OrderParams"]["properties"]["amount"]
    written = schemas["EchoResult"]["properties"]["number"]["anyOf"][0]
    assert (read["type"], written["type"]) == (["number", "string"], "number")


def test_private_methods_need_authentication() -> None:
    paths = openapi(registry)["paths"]
    assert "security" in paths["/private/buy"]["get"]
    assert "security" not in paths["/public/echo"]["get"]


class Both(msgspec.Struct, forbid_unknown_fields=True):
    amount: Decimal


def test_a_type_that_is_parameter_and_result_is_described_as_both() -> None:
    twice = Registry()

    @twice.method("public/a", summary="A.")
    def same(context: Any, params: Both) -> list[Both]:
        return [params]

    document = openapi(twice)
    schemas = document["components"]["schemas"]
    assert schemas["Both"]["properties"]["amount"]["type"] == "number"
    assert schemas["BothAsParameter"]["properties"]["amount"]["type"] == ["number", "string"]
    body = document["paths"]["/public/a"]["post"]["requestBody"]["content"]["application/json"]
    assert references(body) == ["#/components/schemas/BothAsParameter"]


class Long(msgspec.Struct, forbid_unknown_fields=True):
    """A line.

    Another one.
    """

    amount: Decimal = Decimal(0)


def test_descriptions_are_without_the_indentation_of_their_source() -> None:
    registry = Registry()

    @registry.method("public/a", summary="A.")
    def same(context: Any, params: Long) -> None:
        return None

    found = openapi(registry)["components"]["schemas"]["Long"]
    assert found["description"] == "A line.\n\nAnother one."


def test_an_empty_registry_is_described_too() -> None:
    empty = Registry()
    empty.method("public/a", summary="A.")(nothing)
    assert openapi(empty)["paths"].keys() == {"/public/a"}


def nothing(context: Any, params: NoParams) -> None:
    return None

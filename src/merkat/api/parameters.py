"""Reads the parameters of a request into the Struct of its method; errors name the field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import inspect as shape

from merkat.api.errors import ApiError, invalid_params, missing_param, shown, unknown_param
from merkat.api.json import DIGITS_MAX, JsonError, loads_strict

Prepare: TypeAlias = Callable[[Any, str], Any]  # (value, field) -> value

_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_COMPLAINT: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_BOOLEANS: Final = {"true": True, "false": False, "True": True, "False": False}
_JSON_NAMES: Final = {"decimal": "number", "int": "integer", "str": "string", "bool": "boolean"}


class Texts(dict[str, str]):
    """Parameters of a query string: every value is a text, whatever it means."""


class ParameterReader:
    """Reads one Struct type. `names` are the parameters in the order of the Struct."""

    def __init__(self, struct: type[msgspec.Struct]) -> None:
        self.struct = struct
        info = shape.type_info(struct)
        assert isinstance(info, shape.StructType)
        self.names = tuple(item.encode_name for item in info.fields)
        self._known = frozenset(self.names)
        self._required = tuple(item.encode_name for item in info.fields if item.required)
        self._expected = {item.encode_name: describe(item.type) for item in info.fields}
        self._prepare = {
            item.encode_name: prepare
            for item in info.fields
            if (prepare := _preparer(item.type)) is not None
        }
        self._from_text = {item.encode_name: _text_reader(item.type) for item in info.fields}

    def read(self, parameters: Mapping[str, Any]) -> Any:
        """Return the Struct of what strict JSON gave. Raises ApiError -32602."""
        if not self._known.issuperset(parameters):
            name = next(name for name in parameters if name not in self._known)
            raise unknown_param(name, self.names)
        for name in self._required:
            if name not in parameters:
                raise missing_param(name, self._expected[name])
        values = parameters
        if self._prepare:
            values = dict(parameters)
            for name, prepare in self._prepare.items():
                if name in values:
                    values[name] = prepare(values[name], name)
        try:
            return msgspec.convert(values, self.struct)
        except msgspec.ValidationError as error:
            raise self._explained(error, parameters) from None

    def read_text(self, parameters: Mapping[str, str]) -> Any:
        """Return the Struct of a query string: texts are read by the type that is expected."""
        values: dict[str, Any] = {}
        for name, text in parameters.items():
            reader = self._from_text.get(name)
            values[name] = text if reader is None else reader(text, name)
        return self.read(values)

    def _explained(self, error: msgspec.ValidationError, sent: Mapping[str, Any]) -> ApiError:
        """Return msgspec's complaint as an error of the dialect."""
        match = _COMPLAINT.fullmatch(str(error))
        path = (match and match["path"]) or ""
        name = re.split(r"[.\[]", path)[0]
        what = re.sub(
            r"`([^`]*)`", lambda word: _json_name(word[1]), (match and match["what"]) or ""
        )
        if name not in self._expected:
            return ApiError(-32602, what, f"known parameters: {', '.join(self.names)}")
        expected = self._expected[name]
        was = shown(sent[name]) if path == name else "wrong inside"
        reason = f"{path} is {was}: {what[:1].lower()}{what[1:]}"
        return ApiError(-32602, reason, f"send {name}: {expected}", field=path)


def describe(info: shape.Type) -> str:
    """Return what a type expects, for an error text."""
    match info:
        case shape.LiteralType():
            return "one of " + ", ".join(str(value) for value in info.values)
        case shape.EnumType():
            return "one of " + ", ".join(str(item.value) for item in info.cls)
        case shape.UnionType():
            inner = [describe(item) for item in info.types if not isinstance(item, shape.NoneType)]
            return " or ".join(inner)
        case shape.BoolType():
            return "true or false"
        case shape.IntType():
            return "an integer" + _range(info.ge, info.le)
        case shape.DecimalType():
            return "a decimal number or its text, without an exponent"
        case shape.StrType():
            longest = f" of at most {info.max_length} characters" if info.max_length else ""
            return "a text" + longest
        case shape.ListType() | shape.VarTupleType() | shape.SetType() | shape.FrozenSetType():
            return f"an array, each {describe(info.item_type)}"
        case shape.StructType():
            return "an object with " + ", ".join(item.encode_name for item in info.fields)
        case shape.DictType():
            return "an object"
    return "a value"


def decimal_text(value: Any, field: str) -> Any:
    """Return a text as the Decimal it says; anything else as it is. Raises ApiError -32602."""
    if type(value) is not str:
        return value
    if not _DECIMAL.fullmatch(value) or len(value) > DIGITS_MAX:
        raise invalid_params(
            field,
            value,
            f"a plain decimal number of at most {DIGITS_MAX} digits",
            'write it like "0.001": digits, one point, no exponent, no sign but -, no spaces',
        )
    return Decimal(value)


def _range(least: float | None, most: float | None) -> str:
    """Return bounds in words."""
    if least is not None and most is not None:
        return f" from {least} to {most}"
    if least is not None:
        return f" of at least {least}"
    return f" of at most {most}" if most is not None else ""


def _json_name(name: str) -> str:
    return " or ".join(_JSON_NAMES.get(word, word) for word in name.split(" | "))


def _preparer(info: shape.Type) -> Prepare | None:
    """Return what turns decimal texts inside a value into Decimals, None if there can be none.

    msgspec would read them too, but also " 1_0", "NaN" and "1e5".
    """
    match info:
        case shape.DecimalType():
            return decimal_text
        case shape.UnionType():
            if any(isinstance(item, shape.StrType) for item in info.types):
                return None
            inner = [prepare for item in info.types if (prepare := _preparer(item)) is not None]
            return inner[0] if inner else None
        case shape.ListType() | shape.VarTupleType():
            item_preparer = _preparer(info.item_type)
            return None if item_preparer is None else _prepare_items(item_preparer)
        case shape.StructType():
            members = {
                item.encode_name: prepare
                for item in info.fields
                if (prepare := _preparer(item.type)) is not None
            }
            return _prepare_members(members) if members else None
    return None


def _prepare_items(prepare: Prepare) -> Prepare:
    def items(value: Any, field: str) -> Any:
        if not isinstance(value, list):
            return value
        return [prepare(item, f"{field}[{index}]") for index, item in enumerate(value)]

    return items


def _prepare_members(members: dict[str, Prepare]) -> Prepare:
    def inside(value: Any, field: str) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: members[name](item, f"{field}.{name}") if name in members else item
            for name, item in value.items()
        }

    return inside


def _text_reader(info: shape.Type) -> Prepare | None:
    """Return what reads a value of a query string, None where the text is the value."""
    kinds = info.types if isinstance(info, shape.UnionType) else (info,)
    if any(isinstance(kind, shape.StrType | shape.DecimalType) for kind in kinds):
        return None
    if any(isinstance(kind, shape.BoolType) for kind in kinds):
        return _boolean
    if any(isinstance(kind, shape.IntType) for kind in kinds):
        return _integer
    if any(isinstance(kind, shape.LiteralType) for kind in kinds):
        literals = [v for k in kinds if isinstance(k, shape.LiteralType) for v in k.values]
        return _integer if all(isinstance(value, int) for value in literals) else None
    if any(isinstance(kind, shape.EnumType) for kind in kinds):
        return None
    return _structured


def schema_reader(schema: Mapping[str, Any]) -> Prepare | None:
    """Return what reads a text of a query string by a JSON schema, None where it is the value.

    Not as strict as a type: what does not fit is left for its owner to refuse.
    """
    kinds: set[str] = set()
    for one in (schema, *schema.get("anyOf", ())):
        kind = one.get("type", ())
        kinds.update([kind] if isinstance(kind, str) else kind)
    for name, reader in _BY_SCHEMA.items():
        if name in kinds:
            return reader
    return None


def _boolean(text: str, field: str) -> Any:
    value = _BOOLEANS.get(text)
    if value is None:
        raise invalid_params(field, text, "true or false")
    return value


def _integer(text: str, field: str) -> Any:
    if not _INTEGER.fullmatch(text) or len(text) > DIGITS_MAX:
        raise invalid_params(field, text, "an integer")
    return int(text)


def _structured(text: str, field: str) -> Any:
    try:
        return loads_strict(text)
    except JsonError as error:
        raise invalid_params(field, text, "JSON text", error.reason) from None


_BY_SCHEMA: Final[Mapping[str, Prepare | None]] = {
    "string": None,
    "boolean": _boolean,
    "integer": _integer,
    "array": _structured,
    "object": _structured,
}

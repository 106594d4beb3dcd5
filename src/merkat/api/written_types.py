"""Types as they are written in JSON here: a Decimal is a number.

msgspec describes a Decimal as a text, and no union of Decimal and str at all, since it could not
tell them apart when reading. Results are only written, so they are described with float instead.
"""

from __future__ import annotations

import types
import typing
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec


def written(kind: Any, known: dict[type, Any] | None = None) -> Any:
    """Return a type with float in the place of Decimal, the same type where it has none."""
    known = {} if known is None else known
    if kind is Decimal:
        return float
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _written_struct(kind, known)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is None or origin is Literal:
        return kind
    inner = tuple(written(argument, known) for argument in arguments)
    if inner == arguments:
        return kind
    if origin is Annotated:
        return Annotated.__class_getitem__((inner[0], *kind.__metadata__))
    if origin in (typing.Union, types.UnionType):
        return typing.Union[inner]  # noqa: UP007 (made at run time)
    return origin[inner]


def _written_struct(struct: type[msgspec.Struct], known: dict[type, Any]) -> Any:
    """Return a Struct of the same name and members with their written types."""
    if struct in known:
        return known[struct]
    known[struct] = Any  # inside itself it is not described again
    fields = msgspec.structs.fields(struct)
    kinds = [written(item.type, known) for item in fields]
    known[struct] = struct
    if any(kind != item.type for kind, item in zip(kinds, fields, strict=True)):
        config = struct.__struct_config__
        known[struct] = msgspec.defstruct(
            struct.__name__,
            [(item.name, kind, _field(item)) for kind, item in zip(kinds, fields, strict=True)],
            module=struct.__module__,
            namespace={"__doc__": struct.__doc__},
            tag=config.tag,
            tag_field=config.tag_field,
            kw_only=True,
        )
    return known[struct]


def _field(item: msgspec.structs.FieldInfo) -> Any:
    """Return name and default of a member."""
    if item.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=item.default_factory, name=item.encode_name)
    if item.default is not msgspec.NODEFAULT:
        return msgspec.field(default=item.default, name=item.encode_name)
    return msgspec.field(name=item.encode_name)

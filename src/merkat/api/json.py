"""Strict JSON: what RFC 8259 allows less what has more than one reading; numbers without floats.

Refused beyond the standard: exponents, the same name twice, more than 16 levels, numbers of more
than 40 digits, half surrogate pairs, a byte order mark. The error names the field. How long a text
may be is the business of whoever receives it (`limits.Limits`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NoReturn

import msgspec

from merkat.api.errors import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, ApiError, shown

DEPTH_MAX: Final = 16
DIGITS_MAX: Final = 40

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")
# The end of a number with an exponent, or what only looks so inside a text. A pattern each, with
# its letter first: they are found several times faster, and hexadecimal texts do not match.
_UPPER: Final = re.compile(rb"E[+-]?[0-9]+(?:[,}\]]|\Z)")
_LOWER: Final = re.compile(rb"e[+-]?[0-9]+(?:[,}\]]|\Z)")
_TOKEN: Final = re.compile(
    rb'"(?:[^"\\]|\\.)*+"|(-?[0-9.]+[eE][+-]?[0-9]+)|(-?s?(?:NaN[0-9]*|Infinity))'
)


class JsonError(ApiError):
    """A text that is refused. `document` is what could be read of it, None where nothing could."""

    document: object = None


class _SuspiciousError(Exception):
    """The quick pass met something that is refused: the slow pass says what and where."""


class _Refused:
    """Stands in a document for what is refused there."""

    def __init__(self, reason: str, hint: str, code: int = INVALID_PARAMS) -> None:
        self.reason = reason
        self.hint = hint
        self.code = code


def loads_strict(data: bytes | str) -> Any:
    """Return the value of a JSON text: dict, list, str, bool, None, int or Decimal.

    Raises JsonError: -32700 for what is no JSON, else -32602 (inside `params`) or -32600.
    """
    text = _text(data)
    try:
        try:
            return _quick(text)
        except _SuspiciousError:
            _explain(text)
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at line {error.lineno} column {error.colno}")
    except RecursionError:
        _refuse(f"nested deeper than {DEPTH_MAX} levels")


def _quick(text: str) -> Any:
    """Return the value of a text in which nothing is refused."""
    document = _QUICK.decode(text)
    if text.count("{") + text.count("[") > DEPTH_MAX and _deeper(document):
        raise _SuspiciousError
    if _SURROGATE.search(text) and _half_pairs(document):
        raise _SuspiciousError
    return document


def loads_exact(data: bytes | str) -> Any:
    """Return the value of a JSON text from a server that one trusts: exact, without the limits."""
    return _EXACT.decode(data if isinstance(data, str) else data.decode())


def dumps(value: object) -> bytes:
    """Return the JSON text of a value; Decimals are numbers with all their digits, no exponents.

    Raises ValueError for a Decimal that is no number, TypeError for what JSON does not have.
    """
    text = _ENCODER.encode(value)
    if _is_suspect(text):
        return _TOKEN.sub(_written_out, text)
    return text


def _is_suspect(text: bytes) -> bool:
    """Return whether a text may have a number with an exponent, or one that is none."""
    return bool(_UPPER.search(text) or _LOWER.search(text) or b"NaN" in text or b"Infinity" in text)


def _written_out(match: re.Match[bytes]) -> bytes:
    """Return a token without its exponent."""
    if match[2]:
        raise ValueError(f"{match[2].decode()} has no JSON, expected a finite number")
    return f"{Decimal(match[1].decode()):f}".encode() if match[1] else match[0]


def _text(data: bytes | str) -> str:
    """Return the text of UTF-8 bytes."""
    if isinstance(data, bytes):
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            _refuse(f"byte {error.start} is no UTF-8 ({error.reason})")
    else:
        text = data
        if not text.isascii() and _HALF_PAIR.search(text):
            _refuse("half a surrogate pair is no UTF-8")
    if text.startswith("\ufeff"):
        _refuse("the text starts with a byte order mark")
    return text


def _refuse(reason: str) -> NoReturn:
    raise JsonError(PARSE_ERROR, reason, "send one JSON text (RFC 8259) in UTF-8")


def _explain(text: str) -> NoReturn:
    """Raise the error of the first refused place of a text that parses."""
    document = _SLOW.decode(text)
    path, refused = next(_refusals(document, ()))
    inside = path[:1] == ("params",)
    code = refused.code
    if code == INVALID_PARAMS and not inside:
        code = INVALID_REQUEST
    field = _dotted(path[1:] if inside and len(path) > 1 else path)
    error = JsonError(code, refused.reason, refused.hint, field=field or None)
    error.document = document
    raise error


def _dotted(path: tuple[str | int, ...]) -> str:
    """Return a path as `orders[2].price`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{shown_name(step)}"
    return text.removeprefix(".")


def shown_name(name: str) -> str:
    """Return a member's name for an error text: short and without halves of surrogate pairs."""
    return _HALF_PAIR.sub("\ufffd", name[:80])


def has_half_pair(text: str) -> bool:
    """Return whether a text has half a surrogate pair: no UTF-8, and so no answer, can hold it."""
    return not text.isascii() and _HALF_PAIR.search(text) is not None


def _refusals(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[Any, _Refused]]:
    """Yield what is refused in a document and where, in the document's order."""
    if isinstance(value, _Refused):
        yield path, value
    elif isinstance(value, str) and _HALF_PAIR.search(value):
        yield path, _Refused("half a surrogate pair (\\ud800 to \\udfff) in a text", "send both")
    elif isinstance(value, dict | list):
        if len(path) >= DEPTH_MAX:
            reason = f"nested deeper than {DEPTH_MAX} levels"
            yield path[:2], _Refused(reason, "send a flatter request")
            return
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str) and _HALF_PAIR.search(key):
                yield (*path, key), _Refused("half a surrogate pair in a name", "send both")
            yield from _refusals(item, (*path, key))


def _deeper(document: object) -> bool:
    """Return whether a document has more than DEPTH_MAX levels."""
    level = [document]
    for _ in range(DEPTH_MAX):
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
    return any(isinstance(value, dict | list) for value in level)


def _half_pairs(document: object) -> bool:
    """Return whether a name or a text has half a surrogate pair."""
    return next(_refusals(document, ()), None) is not None


def _digits(text: str) -> int:
    """Return how many digits a number without an exponent has."""
    return len(text) - ("." in text) - ("-" in text)


def _number(text: str) -> Decimal | _Refused:
    """Return a number with a fraction or an exponent."""
    if "e" in text or "E" in text:
        hint = "write the digits out or send a decimal string"
        return _Refused(f"the number {shown(text)} has an exponent", hint)
    return _Refused(*_LONG) if _digits(text) > DIGITS_MAX else Decimal(text)


def _integer(text: str) -> int | _Refused:
    return _Refused(*_LONG) if _digits(text) > DIGITS_MAX else int(text)


def _constant(text: str) -> _Refused:
    return _Refused(f"{text} is no JSON", "send a finite number", PARSE_ERROR)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, with a refusal in the place of a name that comes twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        members[name] = _Refused("the same name comes twice in one object", "send it once")
    return members


def _quick_number(text: str) -> Decimal:
    if _digits(text) > DIGITS_MAX or "e" in text or "E" in text:
        raise _SuspiciousError
    return Decimal(text)


def _quick_integer(text: str) -> int:
    if _digits(text) > DIGITS_MAX:
        raise _SuspiciousError
    return int(text)


def _quick_constant(text: str) -> NoReturn:
    raise _SuspiciousError


def _quick_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _SuspiciousError
    return members


_LONG: Final = (f"a number of more than {DIGITS_MAX} digits", "send fewer digits")
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_EXACT: Final = json.JSONDecoder(parse_float=Decimal)
_QUICK: Final = json.JSONDecoder(
    parse_float=_quick_number,
    parse_int=_quick_integer,
    parse_constant=_quick_constant,
    object_pairs_hook=_quick_object,
)
_SLOW: Final = json.JSONDecoder(
    parse_float=_number,
    parse_int=_integer,
    parse_constant=_constant,
    object_pairs_hook=_object,
)

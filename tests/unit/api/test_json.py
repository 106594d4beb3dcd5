"""Strict JSON against JSONTestSuite, and the refusals beyond the standard, each with its field."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.api.json import DEPTH_MAX, DIGITS_MAX, JsonError, dumps, loads_exact, loads_strict
from tests.unit.api.attempts import attempt

# Valid JSON that is refused here all the same, by reason; nothing else that is valid may be.
EXPONENTS = {
    "y_number.json",
    "y_number_0e+1.json",
    "y_number_0e1.json",
    "y_number_int_with_exp.json",
    "y_number_real_capital_e.json",
    "y_number_real_capital_e_neg_exp.json",
    "y_number_real_capital_e_pos_exp.json",
    "y_number_real_exponent.json",
    "y_number_real_fraction_exponent.json",
    "y_number_real_neg_exp.json",
    "y_number_real_pos_exponent.json",
    "y_object_extreme_numbers.json",
}
DIGITS = {"y_number_double_close_to_zero.json"}
DUPLICATES = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}
REFUSED = (
    dict.fromkeys(EXPONENTS, "exponent")
    | dict.fromkeys(DIGITS, "digits")
    | dict.fromkeys(DUPLICATES, "comes twice")
)


def refusal(text: str | bytes) -> JsonError:
    with pytest.raises(JsonError) as caught:
        loads_strict(text)
    return caught.value


def files(merkat_data: Path, letter: str) -> list[Path]:
    folder = merkat_data / "vectors" / "jsontestsuite" / "test_parsing"
    found = sorted(folder.glob(f"{letter}_*.json"))
    assert found, f"{folder} has no {letter}_*.json"
    return found


def test_all_must_refuse_files_are_refused(merkat_data: Path) -> None:
    taken = []
    for path in files(merkat_data, "n"):
        answer = attempt(loads_strict, path.read_bytes())
        if not isinstance(answer, JsonError) or not answer.hint:
            taken.append(path.name)
    assert not taken, "these are no JSON and need an error with a hint"


def test_all_must_accept_files_are_accepted_but_the_listed_ones(merkat_data: Path) -> None:
    refused = {}
    for path in files(merkat_data, "y"):
        value = attempt(loads_strict, path.read_bytes())
        if isinstance(value, JsonError):
            refused[path.name] = value
        else:
            expected = json.loads(path.read_bytes(), parse_float=Decimal)
            assert value == expected, f"{path.name} was read as something else"
    assert refused.keys() == REFUSED.keys()
    for name, error in refused.items():
        assert REFUSED[name] in error.reason, f"{name} is refused for another reason: {error}"
        assert error.code == -32600, f"{name} is JSON: it must not be called a parse error"


def test_files_without_a_rule_are_an_answer_or_an_error(merkat_data: Path) -> None:
    for path in files(merkat_data, "i"):
        value = attempt(loads_strict, path.read_bytes())
        if isinstance(value, JsonError):
            continue
        assert json.dumps(value).isascii(), f"{path.name} gives a text that is no Unicode"


@pytest.mark.parametrize(
    ("text", "code", "field", "reason"),
    [
        ('{"params":{"price":NaN}}', -32700, "price", "NaN"),
        ('{"params":{"price":Infinity}}', -32700, "price", "Infinity"),
        ('{"params":{"price":-Infinity}}', -32700, "price", "-Infinity"),
        ('{"params":{"price":1e5}}', -32602, "price", "exponent"),
        ('{"params":{"price":1.5E-3}}', -32602, "price", "exponent"),
        ('{"params":{"price":1,"price":2}}', -32602, "price", "twice"),
        ('{"params":{"legs":[{"price":1},{"price":2e1}]}}', -32602, "legs[1].price", "exponent"),
        ('{"params":{"amount":' + "1" * 41 + "}}", -32602, "amount", "40 digits"),
        ('{"params":{"amount":0.' + "1" * 40 + "}}", -32602, "amount", "40 digits"),
        ('{"params":{"label":"\\ud800"}}', -32602, "label", "surrogate"),
        ('{"params":{"\\udc00":1}}', -32602, "\ufffd", "surrogate"),
        ('{"params":{},"params":{}}', -32602, "params", "twice"),
        ('{"id":1e2}', -32600, "id", "exponent"),
        ('{"method":"a","method":"b"}', -32600, "method", "twice"),
    ],
)
def test_refused_beyond_the_standard(text: str, code: int, field: str, reason: str) -> None:
    error = refusal(text)
    assert (error.code, error.field) == (code, field)
    assert reason in error.reason
    assert error.hint


def test_what_could_be_read_of_a_refused_text_is_kept() -> None:
    error = refusal('{"id":7,"params":{"price":1e5}}')
    assert isinstance(error.document, dict)
    assert error.document["id"] == 7, "the answer needs the id"
    assert refusal("{").document is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[1]]",
        "nul",
        "01",
        "+1",
        ".5",
        "1.",
        "'a'",
        '"\n"',
        "[1,]",
        "\ufeff1",
        "\uff11",
    ],
)
def test_what_is_no_json_is_a_parse_error_without_a_field(text: str) -> None:
    error = refusal(text)
    assert error.code == -32700
    assert error.field is None


def test_bytes_must_be_utf8() -> None:
    assert "UTF-8" in refusal(b'"\xff"').reason
    assert "UTF-8" in refusal(b'"\xed\xa0\x80"').reason
    assert "byte order mark" in refusal(b"\xef\xbb\xbf1").reason
    assert "UTF-8" in refusal('"\ud800"').reason, "half a pair in a str is no text either"


def test_depth_is_bounded_and_no_stack_is_needed_to_say_so() -> None:
    assert loads_strict("[" * DEPTH_MAX + "]" * DEPTH_MAX)
    for depth in (DEPTH_MAX + 1, 500, 100_000):
        assert f"{DEPTH_MAX} levels" in refusal("[" * depth + "]" * depth).reason
    deep = '{"a":' * 100_000 + "NaN" + "}" * 100_000
    assert f"{DEPTH_MAX} levels" in refusal(deep).reason


def test_many_brackets_side_by_side_are_not_deep() -> None:
    text = "[" + "[]," * 100 + "[]]"
    assert len(loads_strict(text)) == 101


def test_surrogates_in_pairs_are_a_character() -> None:
    assert loads_strict('"\\ud83d\\ude00"') == "\U0001f600"
    assert loads_strict('"\\u00e9"') == "é"


def test_numbers_are_exact() -> None:
    text = "0.1234567890123456789012345678901234567"
    value = loads_strict(text)
    assert isinstance(value, Decimal)
    assert str(value) == text
    assert loads_strict("9" * DIGITS_MAX) == int("9" * DIGITS_MAX)
    assert loads_strict("-" + "9" * DIGITS_MAX) == -int("9" * DIGITS_MAX)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.000000001"), b"0.000000001"),
        (Decimal("1E-9"), b"0.000000001"),
        (Decimal("1E+3"), b"1000"),
        (Decimal("-0.50"), b"-0.50"),
        (1e-7, b"0.0000001"),
        (10**30, b"1" + b"0" * 30),
        ('1E5 \\ " NaN', b'"1E5 \\\\ \\" NaN"'),
        ({"a": [Decimal("2E-7"), "0x1e5", None, True]}, b'{"a":[0.0000002,"0x1e5",null,true]}'),
    ],
)
def test_written_without_exponents(value: Any, text: bytes) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize("value", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"])
def test_decimals_that_are_no_number_are_not_written(value: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        dumps({"price": Decimal(value)})


def test_exact_reading_has_no_limits_but_no_floats_either() -> None:
    deep = "[" * 50 + "1.10" + "]" * 50
    value = loads_exact(deep)
    for _ in range(50):
        value = value[0]
    assert value == Decimal("1.10")
    assert isinstance(value, Decimal)


decimals = st.decimals(allow_nan=False, allow_infinity=False, places=9).filter(
    lambda value: len(f"{value:f}".replace("-", "").replace(".", "")) <= DIGITS_MAX
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
leaves = st.none() | st.booleans() | st.integers(-(10**39), 10**39) | decimals | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert loads_strict(dumps([value])) == [value]


@given(st.text() | st.binary())
def test_any_text_is_a_value_or_an_error_of_the_dialect(text: str | bytes) -> None:
    value = attempt(loads_strict, text)
    if isinstance(value, JsonError):
        assert value.code in (-32700, -32600, -32602)
        dumps(value.body())
    else:
        assert loads_strict(dumps(value)) == value


@given(st.text(st.sampled_from('{}[]",:.0123456789eE+-NaInfity\\ud8')))
def test_near_json_is_taken_only_if_the_standard_takes_it(text: str) -> None:
    value = attempt(loads_strict, text)
    if isinstance(value, JsonError):
        return
    assert json.loads(text, parse_float=Decimal) == value


tricky = st.text(st.sampled_from('0123456789abcdef,}]"\\eE+-NaN')) | st.just("Infinity")


@given(
    st.recursive(
        st.decimals(allow_nan=False, allow_infinity=False) | st.floats(-1e30, 1e30) | tricky,
        lambda inner: st.lists(inner) | st.dictionaries(tricky, inner),
    )
)
def test_no_number_is_written_with_an_exponent_whatever_stands_beside_it(value: Any) -> None:
    def plain(text: str) -> Decimal:
        assert "e" not in text, f"{text} has an exponent"
        assert "E" not in text, f"{text} has an exponent"
        return Decimal(text)

    json.loads(dumps(value), parse_float=plain)

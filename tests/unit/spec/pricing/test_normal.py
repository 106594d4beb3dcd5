"""The normal distribution: the text's definition, its savings, and the real one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.spec.pricing.normal import CENTRE_END, TAIL_END, cdf, pdf, tail
from merkat.spec.pricing.q64 import EXP_MAX, ONE
from tests.unit.spec.pricing import definitions

ANYWHERE = st.integers(-40 * ONE, 40 * ONE)


@given(ANYWHERE)
def test_cdf_and_pdf_are_those_of_the_text(x: int) -> None:
    assert cdf(x) == definitions.cdf(x)
    assert pdf(x) == definitions.pdf(x)


@given(ANYWHERE)
def test_cdf_is_a_distribution(x: int) -> None:
    assert cdf(x) + cdf(-x) in (ONE, 2 * cdf(0)), "what is above x is below -x"
    assert cdf(x) / ONE == pytest.approx(0.5 * math.erfc(-x / ONE / math.sqrt(2)), abs=1e-15)


@pytest.mark.parametrize("x", [-CENTRE_END, -TAIL_END, -37 * ONE, 0, CENTRE_END, TAIL_END])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_the_seams_are_those_of_the_text(x: int, step: int) -> None:
    assert cdf(x + step) == definitions.cdf(x + step)
    assert pdf(x + step) == definitions.pdf(x + step)


def test_the_tail_ends_exactly_where_exp_does() -> None:
    assert TAIL_END**2 >> 65 > EXP_MAX >= (TAIL_END - 1) ** 2 >> 65
    assert tail(TAIL_END) == 0
    assert cdf(-(10**60)) == 0, "a huge argument is never squared into an error"
    assert cdf(10**60) == ONE
    assert pdf(10**60) == 0

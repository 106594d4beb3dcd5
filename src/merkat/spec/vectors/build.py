"""Makes the whole corpus, family by family."""

from __future__ import annotations

from merkat.spec.vectors.amending import amending_cases
from merkat.spec.vectors.collateral import collateral_cases
from merkat.spec.vectors.commands import command_cases
from merkat.spec.vectors.corpus import Corpus
from merkat.spec.vectors.delivery import delivery_cases
from merkat.spec.vectors.derivative_steps import derivative_step_cases
from merkat.spec.vectors.desk import make_desks
from merkat.spec.vectors.edges import edge_cases
from merkat.spec.vectors.fills import fill_cases
from merkat.spec.vectors.forced import forced_cases
from merkat.spec.vectors.inbox import inbox_cases
from merkat.spec.vectors.inputs import input_cases
from merkat.spec.vectors.ladders import ladder_cases
from merkat.spec.vectors.liquidation import liquidation_cases
from merkat.spec.vectors.matching import matching_cases
from merkat.spec.vectors.money import money_cases
from merkat.spec.vectors.option_books import option_book_cases
from merkat.spec.vectors.options import option_cases
from merkat.spec.vectors.oracle import oracle_cases
from merkat.spec.vectors.placing import placing_cases
from merkat.spec.vectors.risk_items import risk_item_cases
from merkat.spec.vectors.seizures import seizure_cases
from merkat.spec.vectors.session_matching import session_matching_cases
from merkat.spec.vectors.session_orders import session_order_cases
from merkat.spec.vectors.session_steps import session_kind_cases, session_step_cases
from merkat.spec.vectors.session_world import make_session_worlds
from merkat.spec.vectors.sessions import session_cases
from merkat.spec.vectors.surfaces import surface_cases
from merkat.spec.vectors.worlds import make_worlds


def build() -> Corpus:
    """Return the corpus; the same bytes every time."""
    corpus = Corpus()
    worlds = make_worlds(corpus)
    for cases in (
        command_cases,
        inbox_cases,
        forced_cases,
        placing_cases,
        matching_cases,
        amending_cases,
        money_cases,
        oracle_cases,
        liquidation_cases,
        input_cases,
        fill_cases,
        seizure_cases,
        ladder_cases,
        edge_cases,
    ):
        cases(corpus, worlds)
    desks = make_desks(corpus)
    for of_desks in (
        risk_item_cases,
        surface_cases,
        option_cases,
        collateral_cases,
        delivery_cases,
        option_book_cases,
        derivative_step_cases,
    ):
        of_desks(corpus, desks)
    session_worlds = make_session_worlds(corpus, worlds)
    for of_sessions in (
        session_cases,
        session_order_cases,
        session_matching_cases,
        session_step_cases,
    ):
        of_sessions(corpus, session_worlds)
    session_kind_cases(corpus, desks)
    return corpus

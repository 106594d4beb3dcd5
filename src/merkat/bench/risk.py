"""The measurements of `merkat bench risk`: rows, portfolio margin, orders under it, prices.

Peers are QuantLib and numpy, in the same run and on the same inputs; wherever both come to a
result, the results are compared and a difference ends the run: rates of different work say nothing.
A figure that has two peers stands twice, with the same count and seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from merkat import _core
from merkat.bench.figure import Figure, timed
from merkat.bench.workload import named_signer
from merkat.sequencer.reading import split_batch
from merkat.spec.typed_data import Config
from merkat.spec.venue.machine import Venue

if TYPE_CHECKING:
    from merkat.bench.risk_market import Market
    from merkat.bench.risk_orders import OptionOrders
    from merkat.bench.risk_peers import FlatPrices

PEERS: Final = ("numpy", "scipy", "QuantLib")
COLUMNS: Final = 60  # 57 scenarios, up, down, mark
ROWS_S_GOAL: Final = 0.150
COLD_S_GOAL: Final = 200e-6
WARM_S_GOAL: Final = 20e-6
LEG_S_GOAL: Final = 2e-6
SWEEP_S_GOAL: Final = 0.100
ORDERS_GOAL: Final = 150e3
VALUES_GOAL: Final = 40e6
VALUES: Final = ("price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga")
INPUTS: Final = ("forward", "strike", "years", "vol", "rate", "is_call")
CALL: Final = 2_000  # of more the columns leave the cache, and memory is what is measured
Batch = tuple[bytes, bytes]
LEGS: Final = 128
SWEEP_LEGS: Final = 10


class MissingPeerError(ImportError):
    """A peer of the benchmark is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each figure measures."""

    instruments: int
    legs: int
    accounts: int
    rounds: int
    orders: int
    order_accounts: int
    specification_orders: int
    specification_instruments: int
    options: int
    peer_prices: int


FULL: Final = Sizes(1_840, LEGS, 10_000, 200, 200_000, 1_000, 400, 200, 1_000_000, 20_000)
SHORT: Final = Sizes(200, 40, 50, 5, 400, 4, 40, 100, 2_000, 200)


def require_peers() -> None:
    """Raise MissingPeerError unless QuantLib, numpy and scipy are installed; imports none."""
    missing = [name for name in PEERS if find_spec(name) is None]
    if missing:
        raise MissingPeerError(
            f"{', '.join(missing)}: not installed, but `merkat bench risk` measures beside them; "
            "install the dependency group dev: uv sync --group dev, or pip install --group dev"
        )


def measure(sizes: Sizes) -> Iterator[Figure]:
    """Yield every figure as it is measured.

    Raises MissingPeerError, and DisagreementError where a peer comes to another result.
    """
    require_peers()
    from merkat.bench import risk_market

    market = risk_market.market(sizes.instruments)
    yield from rows(sizes, market)
    yield from margin(sizes, market)
    yield sweep(sizes, market)
    yield from orders(sizes, market)
    yield from values(sizes)


def _median(rounds: int, work: Callable[[], object]) -> float:
    return sorted(timed(work) for _ in range(rounds))[rounds // 2]


def rows(sizes: Sizes, market: Market) -> Iterator[Figure]:
    """Measure rows with admission of the vector and Greeks, as prices a second.

    Every price is compared with the float model's (a unit of 1e-6 USD is the last that rows have).
    """
    from merkat.bench import risk_market, risk_peers

    chosen = risk_market.default_set()
    count = COLUMNS * len(market.listings)
    built: list[bytes] = []
    rows_s = _median(5, lambda: built.append(market.build_rows(chosen)))
    table = risk_market.table(built[0])
    models = []
    model_s = _median(3, lambda: models.append(market.float_rows(chosen)))
    for name in ("up", "down", "scenarios"):
        theirs = getattr(models[0], name) * 1e6
        risk_peers.agree(f"rows, {name}", table[name], theirs, least=2e6)
    flat = risk_peers.FlatPrices(market, chosen)
    found = []
    flat_s = _median(3, lambda: found.append(flat.by_numpy()))
    ours = table["scenarios"][flat.places][:, flat.columns].ravel() / 1e6
    risk_peers.agree("prices, numpy", ours, found[0], least=2.0)
    inputs = flat.inputs(sizes.peer_prices)
    priced: list[list[float]] = []
    peer_s = _median(3, lambda: priced.append(risk_peers.quantlib_prices(inputs)))
    step = max(1, len(ours) // sizes.peer_prices)
    risk_peers.agree("prices, QuantLib", ours[::step][: len(inputs)], priced[0], least=2.0)
    unit = f"prices/s, rows of {len(market.listings):,} x {COLUMNS}"
    goal = 1_840 * COLUMNS / ROWS_S_GOAL
    quantlib = f"QuantLib blackFormula alone, a sample of {len(inputs):,} prices"
    whole = "numpy and scipy, the same rows in floats, an expiry and a scenario at a time"
    alone = "numpy and scipy, the options' ordinary prices alone, one pass over arrays"
    yield Figure("rows", unit, count, rows_s, quantlib, len(inputs), peer_s, goal)
    yield Figure("rows_beside_numpy", unit, count, rows_s, whole, count, model_s, goal)
    yield Figure("rows_beside_flat_numpy", unit, count, rows_s, alone, len(ours), flat_s, goal)


def margin(sizes: Sizes, market: Market) -> Iterator[Figure]:
    """Measure the margin of one portfolio: from nothing, from sums kept, and with one leg more.

    The ordinary scenarios alone are compared with both peers, the whole with the float model.
    """
    import numpy as np

    from merkat.bench import risk_market, risk_peers

    positions = risk_market.portfolios(market, 1, sizes.legs)[0]
    book, built = market.book(risk_market.default_set())
    fund = risk_market.FUND
    compare_with_model(market, positions, book.margin(positions, fund)[:2])
    chosen = risk_market.ordinary_set()
    plain, _ = market.book(chosen)
    matrix = risk_peers.MatrixMargin(risk_market.table(built), chosen, fund / 1e6)
    places = np.array([listing - 1 for listing, _ in positions])
    coins = np.array([size / risk_market.COIN for _, size in positions])
    moves = np.ascontiguousarray(matrix.moves[places])
    expected = plain.margin(positions, fund)[0] / 1e6
    risk_peers.agree("margin, numpy", expected, matrix.one(coins, moves))
    numpy_s = timed(lambda: [matrix.one(coins, moves) for _ in range(sizes.rounds)])
    inputs = _inputs_of(risk_peers.FlatPrices(market, chosen), places)
    found = []
    quantlib_s = _median(3, lambda: found.append(matrix.by_quantlib(inputs, (places, coins))))
    # Marks and entries are floored, QuantLib's prices are not: a step of each leg may differ.
    risk_peers.agree("margin, QuantLib", expected, found[0])
    cold_s = timed(lambda: [book.margin(positions, fund) for _ in range(sizes.rounds)])
    kept = book.portfolio(positions)
    warm_rounds = 100 * sizes.rounds
    assert kept.margin_repeated(fund, 1) == book.margin(positions, fund), "sums kept differ"
    warm_s = timed(lambda: kept.margin_repeated(fund, warm_rounds))
    leg = positions[len(positions) // 2][0]
    leg_s = timed(lambda: kept.change_repeated(leg, risk_market.COIN, fund, warm_rounds))
    assert kept.margin(fund) == book.margin(positions, fund), "a leg there and back left a trace"
    legs = f"{sizes.legs} legs x {len(chosen.scenarios)} scenarios"
    numpy = f"numpy, sizes @ table and damp over the ordinary scenarios, {sizes.legs} legs"
    quantlib = f"QuantLib, {len(inputs):,} prices anew"
    for name, what, count, seconds, goal_s in (
        ("margin_cold", f"from nothing, {legs}", sizes.rounds, cold_s, COLD_S_GOAL),
        ("margin_warm", "positions summed before", warm_rounds, warm_s, WARM_S_GOAL),
        ("margin_leg", "one leg far from its expiry changed", 2 * warm_rounds, leg_s, LEG_S_GOAL),
    ):
        measured = (f"margins/s, {what}", count, seconds)
        yield Figure(name, *measured, quantlib, 1, quantlib_s, 1 / goal_s)
        beside = f"{name}_beside_numpy"
        yield Figure(beside, *measured, numpy, sizes.rounds, numpy_s, 1 / goal_s)


def compare_with_model(
    market: Market, positions: list[tuple[int, int]], margins: tuple[int, int]
) -> None:
    """Compare MM and IM with what the float model makes of its own rows.

    Raises DisagreementError.
    """
    from merkat.bench import risk_market, risk_peers
    from merkat.flow import float_margin, float_model

    chosen = risk_market.default_set()
    rates = (risk_market.MAINTENANCE_RATE, risk_market.INITIAL_RATE, risk_market.BASIS_CLAMP)
    group = float_model.Group(chosen, float(risk_market.COIN), *(rate / 1e9 for rate in rates))
    figures = float_margin.figures(
        group, market.float_rows(chosen), dict(positions), 1, risk_market.FUND / 1e6
    )
    theirs = (figures.maintenance, figures.initial)
    risk_peers.agree("margin, float model", [one / 1e6 for one in margins], theirs)


def _inputs_of(flat: FlatPrices, places: Any) -> list[tuple[int, float, float, float]]:
    """Return QuantLib's inputs for every ordinary price of the options at these places."""
    from merkat.bench import risk_peers

    row_of = {int(place): row for row, place in enumerate(flat.places)}
    shape = (len(flat.places), len(flat.columns))
    chosen = [row_of[int(place)] for place in places]
    columns = (flat.is_call, flat.strike, flat.forward, flat.deviation)
    return risk_peers.quantlib_inputs(*(one.reshape(shape)[chosen].ravel() for one in columns))


def sweep(sizes: Sizes, market: Market) -> Figure:
    """Measure the margin of many accounts at a new vector, handed over from Python."""
    import numpy as np

    from merkat.bench import risk_market, risk_peers

    accounts = risk_market.portfolios(market, sizes.accounts, SWEEP_LEGS)
    book, built = market.book(risk_market.default_set())
    fund = risk_market.FUND
    sweep_s = _median(3, lambda: book.sweep(accounts, fund))
    chosen = risk_market.ordinary_set()
    plain, _ = market.book(chosen)
    places = np.array([[listing - 1 for listing, _ in one] for one in accounts])
    coins = np.array([[size / risk_market.COIN for _, size in one] for one in accounts])
    matrix = risk_peers.MatrixMargin(risk_market.table(built), chosen, fund / 1e6)
    found = []
    numpy_s = _median(3, lambda: found.append(matrix.many(coins, places)))
    ours = [margins[0] / 1e6 for margins in plain.sweep(accounts, fund)]
    # A loss is floored to 1e-6 USD: of hardly any loss that is more than the tolerance.
    risk_peers.agree("margins of accounts, numpy", ours, found[0], least=2.0)
    return Figure(
        "margin_sweep",
        f"accounts/s of {SWEEP_LEGS} legs, {sizes.accounts:,} a tick",
        sizes.accounts,
        sweep_s,
        "numpy, table gathered and summed over the ordinary scenarios",
        sizes.accounts,
        numpy_s,
        10_000 / SWEEP_S_GOAL,
    )


def orders(sizes: Sizes, market: Market) -> Iterator[Figure]:
    """Measure the engine on orders of accounts in portfolio margin, signatures apart.

    Control: the specification in Python on orders of the same kind in a smaller market; the engine
    plays those too, and both must come to the same state and digest.
    """
    from merkat.bench import risk_market
    from merkat.bench.measure import batches_of, refused_commands
    from merkat.bench.risk_orders import LEGS as HELD
    from merkat.bench.risk_orders import OptionOrders

    workload = OptionOrders(market, sizes.order_accounts)
    engine, _, job_s = _opened(workload)
    batches = batches_of(workload, engine.log_number + 1, sizes.orders)
    outputs: list[bytes] = []

    def run() -> None:
        for batch, signers in batches:
            outputs.append(engine.apply(batch, signers))

    engine_s = timed(run)
    refused = refused_commands(outputs)
    assert refused * 100 < sizes.orders, f"{refused} commands refused: the figure is void"
    smaller = OptionOrders(risk_market.market(sizes.specification_instruments), 4)
    specification_s = _specified(smaller, sizes.specification_orders)
    control = f"specification, {sizes.specification_instruments} instruments and 4 accounts"
    yield Figure(
        "orders_portfolio",
        f"commands/s, accounts of {HELD} legs",
        sizes.orders,
        engine_s,
        control,
        sizes.specification_orders,
        specification_s,
        ORDERS_GOAL,
    )
    count = COLUMNS * len(market.listings)
    chosen = risk_market.default_set()
    model_s = timed(lambda: market.float_rows(chosen))
    whole = "numpy and scipy, the same rows in floats, without hashes"
    unit = "prices/s, rows and their hashes beside the engine"
    goal = 1_840 * COLUMNS / ROWS_S_GOAL
    yield Figure("rows_of_engine", unit, count, job_s, whole, count, model_s, goal)


def _opened(workload: OptionOrders) -> tuple[_core.Engine, list[Batch], float]:
    """Return an engine with the positions made, what it was given, and a row job's seconds."""
    from merkat.bench.measure import refused_commands

    engine = _core.Engine(*workload.domain.parts)
    given: list[Batch] = []

    def apply(batch: Batch) -> None:
        given.append(batch)
        refused = refused_commands([engine.apply(*batch)])
        assert not refused, f"{refused} commands of the setup refused: the figure is void"

    apply(workload.opening())
    job = engine.row_job(0)
    assert job is not None, "the vector waits for its rows"
    built: list[_core.Rows] = []
    job_s = _median(3, lambda: built.append(job.build()))
    engine.offer_rows(built[0])
    apply(workload.activation(engine.log_number + 1, built[0]))
    standing = engine.rows(0)
    assert standing is not None, "the vector is taken up"
    workload.know(standing[1])
    apply(workload.positions(engine.log_number + 1))
    for account in range(1, workload.accounts + 1):
        figures = engine.account_figures(account)
        # Without positions all three would be zero.
        assert figures is not None, f"account {account} is not there"
        assert 0 < figures[2] < figures[3] <= figures[4], f"account {account} holds no position"
    return engine, given, job_s


def _specified(workload: OptionOrders, count: int) -> float:
    """Return the specification's seconds for orders; its state is compared with the engine's."""
    from merkat.bench.risk_peers import DisagreementError

    engine, given, _ = _opened(workload)
    venue = Venue(Config(*workload.domain.parts), recover=named_signer)
    for batch, _ in given:
        for record in split_batch(batch):
            venue.apply(*record)
    batch, signers = workload.batch(engine.log_number + 1, count)
    engine.apply(batch, signers)
    records = list(split_batch(batch))
    seconds = timed(lambda: [venue.apply(*record) for record in records])
    if (venue.state_root(), venue.venue_digest()) != (engine.state_root(), engine.venue_digest()):
        raise DisagreementError("orders: engine and specification come to different states")
    return seconds


def values(sizes: Sizes) -> Iterator[Figure]:
    """Measure prices with seven Greeks, and implied volatilities, on one core."""
    import numpy as np

    from merkat.bench import risk_peers

    calls = [_options(CALL, seed) for seed in range(sizes.options // CALL)]
    buffers = [[call[name] for name in INPUTS] for call in calls]
    packed: list[bytes] = []
    found: list[Any] = []

    def evaluate() -> None:
        packed[:] = [_core.black76_values(*call) for call in buffers]

    def evaluate_by_numpy() -> None:
        found[:] = [risk_peers.values_by_numpy(call) for call in calls]

    values_s, numpy_s = _median(3, evaluate), _median(3, evaluate_by_numpy)
    ours = [np.frombuffer(one).reshape(len(VALUES), CALL) for one in packed]
    for mine, theirs in zip(ours, found, strict=True):
        for name, column, other in zip(VALUES, mine, theirs, strict=True):
            # What is a millionth of the column's largest is noise of cancellation.
            least = float(np.abs(column).max()) * 1e-6
            risk_peers.agree(f"{name}, numpy", column, other, least=least)
    paid = [one[0].copy() for one in ours]
    implied: list[bytes] = []

    def solve() -> None:
        implied[:] = [
            _core.implied_vols(forward, strike, years, rate, price, is_call)
            for (forward, strike, years, _, rate, is_call), price in zip(buffers, paid, strict=True)
        ]

    implied_s = _median(3, solve)
    vols = np.frombuffer(implied[0])
    solved: list[Any] = []
    scipy_s = _median(3, lambda: solved.append(risk_peers.implied_by_scipy(calls[0], paid[0])))
    risk_peers.agree("implied vols, scipy", vols, solved[0])
    single: list[Any] = []
    peer_s = _median(3, lambda: single.append(risk_peers.quantlib_implied(calls[0], paid[0])))
    risk_peers.agree("implied vols, QuantLib", vols, single[0])
    count = CALL * len(calls)
    unit = f"options/s, price and 7 Greeks in floats, {CALL:,} a call"
    whole = "numpy and scipy, the same eight columns and calls"
    yield Figure("values", unit, count, values_s, whole, count, numpy_s, VALUES_GOAL)
    unit = f"volatilities/s, from prices in floats, {CALL:,} a call"
    arrays = f"scipy elementwise.find_root, {CALL:,} at once"
    alone = f"QuantLib blackFormulaImpliedStdDev, {CALL:,} calls"
    yield Figure("implied", unit, count, implied_s, arrays, CALL, scipy_s)
    yield Figure("implied_beside_quantlib", unit, count, implied_s, alone, CALL, peer_s)


def _options(count: int, seed: int) -> dict[str, Any]:
    """Return options out of the money within two deviations of the forward, drawn evenly."""
    import numpy as np

    source = np.random.default_rng(seed)
    years = source.uniform(0.01, 2.0, count)
    vol = source.uniform(0.2, 1.5, count)
    forward = source.uniform(50_000.0, 150_000.0, count)
    # In the money a price says little of its volatility, and peers lose it.
    is_call = source.integers(0, 2, count).astype(np.uint8)
    far = source.uniform(0.0, 2.0, count) * vol * np.sqrt(years)
    strike = forward * np.exp(np.where(is_call, far, -far))
    rate = source.uniform(0.0, 0.05, count)
    columns = (forward, strike, years, vol, rate, is_call)
    return dict(zip(INPUTS, columns, strict=True))

"""The faults of sessions: each breaks one rule of sessions.md; the corpus must notice every one."""

from __future__ import annotations

from tests.mutants.harness import Mutant

SPEC = "src/merkat/spec"
SETTLE = f"{SPEC}/settle/sessions.py"
AUTHORITY = f"{SPEC}/venue/authority.py"

SESSIONS_FAST = (
    Mutant(
        "a session's orders are worth their limit alone",
        "K-11",
        SETTLE,
        "max(order.limit_price, state.groups[instrument.group].index)",
        "order.limit_price",
    ),
    Mutant(
        "any scheme will do",
        "S-03",
        f"{SPEC}/signatures.py",
        "return scheme_of(signature) == scheme and recover_signer",
        "return recover_signer",
    ),
    Mutant(
        "all keys of an account share their nonces",
        "C-04",
        AUTHORITY,
        "_use_nonce(venue, account, slot, order.nonce)",
        "_use_nonce(venue, account, WALLET_SLOT, order.nonce)",
    ),
)

SESSIONS_MORE = (
    Mutant(
        "a session lives at its expiry",
        "K-09",
        SETTLE,
        "leaf.expiry > time_ns",
        "leaf.expiry >= time_ns",
    ),
    Mutant(
        "two sessions may have one key",
        "K-03",
        SETTLE,
        "taken = {state.accounts[op.account].owner, *(session.key for session in others)}",
        "taken = {state.accounts[op.account].owner}",
    ),
    Mutant(
        "a live session may be replaced",
        "K-06",
        SETTLE,
        "K_06.require(live_session(state, op.account, op.slot, time_ns) is None)",
        "K_06.require(True)",
    ),
    Mutant(
        "a session may last a day longer",
        "K-05",
        SETTLE,
        "SESSION_NS_MAX = 180 * DAY_NS",
        "SESSION_NS_MAX = 181 * DAY_NS",
    ),
    Mutant(
        "a revocation forgets its floor",
        "sessions.md 2, session_revoke",
        SETTLE,
        "    account.order_floor = op.floor\n",
        "",
    ),
    Mutant(
        "a revocation must raise the floor",
        "K-08",
        SETTLE,
        "op.floor >= state.accounts[op.account].order_floor",
        "op.floor > state.accounts[op.account].order_floor",
    ),
    Mutant(
        "a revoked session may be revoked again",
        "K-07",
        SETTLE,
        "K_07.require(leaf is not None and leaf.state == SESSION_OPEN)",
        "K_07.require(leaf is not None)",
    ),
    Mutant(
        "a notional is rounded down",
        "K-11",
        SETTLE,
        "return ceil_div(order.size * price, instrument.coin)",
        "return order.size * price // instrument.coin",
    ),
    Mutant(
        "every group means those with a bit",
        "K-10",
        SETTLE,
        "group_fits = session.groups == EVERY_GROUP or (",
        "group_fits = (",
    ),
    Mutant(
        "kinds count from bit 1",
        "K-10",
        SETTLE,
        "session.kinds >> (instrument.kind - 1) & 1 == 1",
        "session.kinds >> instrument.kind & 1 == 1",
    ),
    Mutant(
        "an order must end before its session",
        "K-12",
        SETTLE,
        "return order.expiry <= order_session(state, order).expiry",
        "return order.expiry < order_session(state, order).expiry",
    ),
    Mutant(
        "the scope is tested after the floor",
        "sessions.md 2, order_open",
        f"{SPEC}/settle/orders.py",
        """    if order.slot != WALLET_SLOT:
        K_10.require(in_scope(state, order))
        K_11.require(within_notional(state, order))
        K_12.require(ends_in_time(state, order))
    P_07.require(order.counter > state.accounts[order.account].order_floor)
""",
        """    P_07.require(order.counter > state.accounts[order.account].order_floor)
    if order.slot != WALLET_SLOT:
        K_10.require(in_scope(state, order))
        K_11.require(within_notional(state, order))
        K_12.require(ends_in_time(state, order))
""",
    ),
    Mutant(
        "a cancel uses the nonces of the order's slot",
        "C-04",
        AUTHORITY,
        "_use_nonce(venue, cancel.account, slot, cancel.nonce)",
        "_use_nonce(venue, cancel.account, cancel.slot, cancel.nonce)",
    ),
    Mutant(
        "a session cancels only its own orders",
        "C-03, cancel",
        AUTHORITY,
        "    for slot, session in live_sessions(state, cancel.account, venue.time_ns).items():\n",
        "    for slot, session in live_sessions(state, cancel.account, venue.time_ns).items():\n"
        "        if slot != cancel.slot:\n"
        "            continue\n",
    ),
    Mutant(
        "the keys of a slot forget its nonces",
        "sessions.md 3",
        f"{SPEC}/venue/sessions.py",
        "    check_open(venue.settlement, command, venue.time_ns)\n",
        "    check_open(venue.settlement, command, venue.time_ns)\n"
        "    venue.accounts[command.account].windows.pop(command.slot, None)\n",
    ),
    Mutant(
        "a revocation cancels every session's orders",
        "sessions.md 3, session_revoke",
        f"{SPEC}/venue/sessions.py",
        "elif resting.order.slot == command.slot:",
        "elif resting.order.slot != 0:",
    ),
    Mutant(
        "a revocation leaves the wallet's older orders",
        "sessions.md 3, session_revoke",
        f"{SPEC}/venue/sessions.py",
        "if resting.order.counter <= command.floor:",
        "if resting.order.counter <= command.floor and resting.order.slot == command.slot:",
    ),
    Mutant(
        "makers that settlement knows are tested too",
        "M-09",
        f"{SPEC}/venue/matching.py",
        "unseen = order.slot != WALLET_SLOT and maker.opened_version != order.version",
        "unseen = order.slot != WALLET_SLOT",
    ),
    Mutant(
        "makers with a newer body are not tested",
        "M-09",
        f"{SPEC}/venue/matching.py",
        "and maker.opened_version != order.version",
        "and maker.opened_version == 0",
    ),
    Mutant(
        "a renewal forgets the old body",
        "O-26",
        f"{SPEC}/venue/terms.py",
        "    O_26.require(opened_first is None or within_notional(state, opened_first))\n",
        "",
    ),
    Mutant(
        "a renewal tests an old body that settlement never saw",
        "O-26",
        f"{SPEC}/venue/renew.py",
        "opens_old = old.opened_version not in (0, old.order.version)",
        "opens_old = old.opened_version != old.order.version",
    ),
    Mutant(
        "keys have no slot",
        "formats.md 2",
        f"{SPEC}/orders.py",
        "account << 44 | slot << 40 | counter",
        "account << 44 | counter",
    ),
    Mutant(
        "sessions are not in the root",
        "formats.md 7",
        f"{SPEC}/settle/state.py",
        "            + self._sessions_tree.root()\n",
        "            + ZERO32\n",
    ),
    Mutant(
        "P-256 takes either point",
        "sessions.md 1, signature",
        f"{SPEC}/weierstrass.py",
        "if y & 1 != odd:",
        "if self.a == 0 and y & 1 != odd:",
    ),
)

"""The signers of a gateway: a key, its nonces, and the session that the venue knows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from merkat.api.errors import ApiError, forbidden
from merkat.gateway.intents import IntentStore
from merkat.gateway.keys import KeyedClient
from merkat.gateway.nonces import NonceSource
from merkat.gateway.signing import Signer
from merkat.market import View
from merkat.sdk.commands import WALLET_SLOT

_HINT = "`merkat account create` opens a session; a wallet can open another one"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signer with its source of nonces."""

    signer: Signer
    nonces: NonceSource


class Signers:
    """All signers by account and slot."""

    def __init__(
        self,
        clients: Iterable[KeyedClient],
        store: IntentStore,
        view: Callable[[], View],
        now_ns: Callable[[], int],
    ) -> None:
        self._view = view
        self._keys: dict[tuple[int, int], SigningKey] = {}
        for client in clients:
            if client.signer not in self._keys:
                self._keys[client.signer] = _signing_key(client, store, now_ns)

    def find(self, account: int, slot: int) -> SigningKey | None:
        """Return the key of a slot of an account; None where the keys file has none."""
        return self._keys.get((account, slot))

    def of(self, client: KeyedClient) -> SigningKey:
        """Return the key of a client."""
        return self._keys[client.signer]

    def session_end_ns(self, account: int, slot: int, now_ns: int) -> int | None:
        """Return when a session ends; None for a wallet, which does not.

        Raises ApiError 13021 where the venue knows no live session of that slot.
        """
        if slot == WALLET_SLOT:
            return None
        known = self._view().accounts.get(account)
        session = known.sessions.get(slot) if known is not None else None
        if session is None:
            raise forbidden(f"account {account} has no session in slot {slot}", _HINT)
        if not session.open:
            raise forbidden(f"the session in slot {slot} was revoked by the wallet", _HINT)
        if session.expiry_ns <= now_ns:
            raise forbidden(f"the session in slot {slot} has expired", _HINT)
        return session.expiry_ns


def _signing_key(client: KeyedClient, store: IntentStore, now_ns: Callable[[], int]) -> SigningKey:
    account, slot = client.signer

    def reserve(ceiling: int) -> None:
        store.reserve(account, slot, ceiling)

    nonces = NonceSource(now_ns, store.ceiling(account, slot), reserve)
    return SigningKey(Signer(account, slot, client.scheme, client.session_secret), nonces)


def no_key(account: int, slot: int) -> ApiError:
    """Return the error of an order that another key signed, which this gateway does not hold."""
    whose = "the wallet" if slot == WALLET_SLOT else f"the session in slot {slot}"
    return forbidden(
        f"the order was signed by {whose} of account {account}",
        "only the key that signed an order can change it; cancel it and send a new one",
    )

"""The owners of a flow: one wallet key an account, and their nonces."""

from __future__ import annotations

from merkat import _core
from merkat.sdk.keys import derive_secret

MS_NS = 1_000_000
TAPE_PAIRS = 512


class Wallets:
    """Accounts 1 to `count`, in the order in which the deposits open them."""

    def __init__(self, seed: int, count: int) -> None:
        self.secrets = [derive_secret(seed, "owner", index) for index in range(count)]
        self.addresses = [_core.address_of(secret) for secret in self.secrets]
        self._nonces = [0] * (count + 1)

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.secrets)

    def secret(self, account: int) -> bytes:
        """Return the private key of an account."""
        return self.secrets[account - 1]

    def nonce(self, account: int, time_ns: int) -> int:
        """Return the account's next nonce: the time in ms, one more than the last if taken."""
        nonce = max(self._nonces[account] + 1, time_ns // MS_NS)
        self._nonces[account] = nonce
        return nonce


def tape_account(identifier: int, side: int) -> int:
    """Return the account of an order on a tape or in a market file.

    Buy orders belong to owner 2 (id mod 512), sell orders to the one after it, counted from 0;
    account 0 names none, so that each stands one higher.
    """
    return 2 * (identifier % TAPE_PAIRS) + side + 1

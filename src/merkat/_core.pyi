"""The compiled core: venue and settlement machine, signatures, journal, tapes, embedded chain.

All amounts and structures cross as bytes in the encodings of docs/spec/formats.md. Where functions
take a domain, it is (chain_id, 20 bytes of verifying contract, 32 bytes of salt). A batch is the
concatenation of {u32 length of command, u64 log number, u64 time in ns, command}, big-endian.
Arguments that are malformed raise ValueError and change nothing. The interpreter is free while a
long call runs.
"""

from collections.abc import Sequence
from typing import final

from typing_extensions import Buffer

__version__: str

class JournalError(OSError):
    """The journal refuses an operation, or is damaged; the text says what to do."""

class JournalRefusedError(JournalError):
    """Files that this venue cannot take: damaged, or of another venue, version or journal."""

@final
class Engine:
    """The venue machine, a single writer."""

    def __new__(cls, chain_id: int, verifying_contract: bytes, salt: bytes) -> Engine: ...
    @staticmethod
    def from_snapshot(
        chain_id: int, verifying_contract: bytes, salt: bytes, snapshot: bytes
    ) -> Engine: ...
    def apply(self, batch: bytes, signers: bytes | None) -> bytes:
        """Apply a batch; returns the concatenated outputs (formats.md section 5).

        `signers` is what `recover_signers` gave for it; with None they are recovered here. Framing,
        log numbers, times and counts of signers are checked for the whole batch before any of it is
        applied.
        """

    def state_root(self) -> bytes: ...
    def venue_digest(self) -> bytes: ...
    def snapshot(self) -> bytes: ...
    def pending_vectors(self) -> list[tuple[int, int, bytes]]:
        """Return group, number and hash of each pending vector, ascending by group."""

    def row_job(self, group: int) -> RowJob | None:
        """Return what building the rows of a group's pending vector takes; None without one."""

    def offer_rows(self, rows: Rows) -> None:
        """Offer rows built beside the engine; `activate` uses them if they are the right ones.

        Wrong rows, or none, change nothing but the time that `activate` takes.
        """

    def account_figures(self, account: int) -> tuple[int, int, int, int, int, int, int, int] | None:
        """Return what an account has and must have, in 1e-6 USD; None without the account.

        Equity, conservative equity, MM, IM, IM with orders, loan, its limit, debt line.
        """

    def account_greeks(self, account: int, group: int) -> tuple[int, int, int, int] | None:
        """Return delta, gamma, vega, theta as event account_greeks has them, now.

        None without a position in the group that is not spot.
        """

    def rows(self, group: int) -> tuple[int, bytes] | None:
        """Return the number of scenarios and the standing rows of a group; None without rows.

        The bytes are u32 count and the rows of derivatives.md section 1.
        """

    def account(self, account: int) -> tuple[bytes, int, int, int, list[tuple[int, int]]] | None:
        """Return owner, margin mode, stage, cash (1e-6 USD) and (listing, size) ascending.

        Sizes are base units, negative for short. None without the account.
        """

    def session(self, account: int, slot: int) -> tuple[int, int, bytes, int, int, int, int] | None:
        """Return the leaf of a session, slot 1 to 15; None where none was ever opened.

        state (1 open, 2 revoked), scheme, key, groups, kinds, notional (1e-6 USD), expiry_ns. It
        may sign while state is 1 and expiry_ns is ahead.
        """

    def listing(self, listing: int) -> tuple[int, ...] | None:
        """Return the 15 fields of a listing's leaf; None without the listing.

        kind, state, group, size_decimals, lot, tick, coarse_tick, coarse_from, maker_fee,
        taker_fee, delivery_fee, open_interest, strike, expiry_ns, delivery_price, in the units of
        formats.md.
        """

    def group(self, group: int) -> tuple[int, int, int, int, int, int, int, int] | None:
        """Return what a group's vector and funding stand at; None without the group.

        epoch_number (0 before the first vector), epoch_time_ns, index, basis, premium, held_count,
        cumulative_funding (1e-12 USD per coin), fund (1e-6 USD).
        """

    def book(self, listing: int, depth: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return bids and asks: (price, size) of at most `depth` levels each, best first.

        Prices 1e-6 USD, sizes base units; empty for a listing that does not exist.
        """

    def mark(self, listing: int) -> int | None:
        """Return the mark in 1e-6 USD; None where there is none."""

    @property
    def log_number(self) -> int: ...
    @property
    def time_ns(self) -> int: ...

@final
class RowJob:
    """All that the rows of a pending vector depend on, copied from the engine."""

    def build(self) -> Rows:
        """Build the rows, on any thread; ValueError if `activate` would refuse the vector."""

    @property
    def group(self) -> int: ...

@final
class Rows:
    """What a row job made."""

    @property
    def root(self) -> bytes:
        """The root that `activate` names; 31 zero bytes where the vector will be held."""

    def __len__(self) -> int: ...

@final
class Settlement:
    """The settlement machine over raw inputs, from the settlement part of a snapshot."""

    def __new__(
        cls, chain_id: int, verifying_contract: bytes, salt: bytes, settlement_part: bytes
    ) -> Settlement: ...
    def apply_input(self, op: bytes) -> tuple[int, int]:
        """Apply an input without its frame; returns (code, field), zeros if it was accepted.

        An inbox step whose item is refused is accepted and returns the item's code and field.
        """

    def apply_inputs(self, framed: bytes) -> bytes:
        """Apply inputs, each after its u16 length; returns the checkpoint (31 bytes) after each.

        Raises ValueError that names number (from 0), code and field of an input that is refused:
        nothing was applied if it is malformed (S-01), the inputs before it otherwise. Signatures
        are recovered over all cores. An inbox step whose item is refused is accepted.
        """

    def account_proof(self, account: int) -> bytes:
        """Return 1,376 bytes that lead from an account's leaf to the state's root.

        Words 0 to 8 (32 bytes each, all zero if there is no such account), 28 siblings from the
        leaf's level to the top, then the roots of accounts, orders, sessions, instruments and
        groups and the leaf hash of the globals.
        """

    def leaf_words(self, account: int) -> bytes:
        """Return words 0 to 8 of an account's leaf, 32 bytes each; zeros if it is absent."""

    def root(self) -> bytes: ...
    def encode(self) -> bytes: ...

@final
class Book:
    """Bare matching of tapes through the engine's own book."""

    def __new__(cls) -> Book: ...
    def run(self, tape: bytes) -> tuple[int, int, int]:
        """Play a tape; returns (trades, quantity, notional) of all tapes so far."""

    def run_timed(self, tape: bytes) -> int:
        """Play a tape; returns the nanoseconds that matching took, measured inside."""

    def run_latencies(self, tape: bytes) -> bytes:
        """Play a tape record by record; returns the nanoseconds of each as big-endian u32."""

    @property
    def resting(self) -> int: ...

@final
class Journal:
    """The durable journal of one directory."""

    def __new__(cls, directory: str, salt: bytes, segment_bytes: int) -> Journal: ...
    def append(self, batch: bytes, expected_first: int) -> bytes:
        """Append a batch; returns command hash and journal hash (64 bytes) of each record."""

    def wait_durable(self, log_number: int) -> None: ...
    @property
    def durable(self) -> int: ...
    def head(self) -> tuple[int, bytes]:
        """Return log number and journal hash of the newest record, durable or not."""

    def read(self, from_log_number: int, bytes_max: int) -> bytes:
        """Return durable records as a batch, at least one if there is one, until `bytes_max`."""

    def write_snapshot(self, log_number: int, journal_hash: bytes, snapshot: bytes) -> None:
        """Write a snapshot of the engine durably; it is read back in memory first."""

    @property
    def recovery_message(self) -> str | None:
        """Return what opening has cut off the end, None for nothing."""

    def close(self) -> None: ...

def newest_snapshot(directory: str, salt: bytes, up_to: int) -> tuple[int, bytes, bytes] | None:
    """Return (log number, journal hash, snapshot) of the newest whole one up to a log number."""

def chain_hashes(journal_hash: bytes, batch: bytes) -> bytes:
    """Return command hash and journal hash of each record that follows `journal_hash`."""

def recover_signers(chain_id: int, verifying_contract: bytes, salt: bytes, batch: bytes) -> bytes:
    """Recover the signers of a batch over all cores: per command u8 count, count x 20 bytes.

    The zero address stands for a signature that names nobody. Signatures of both schemes (v 27, 28:
    secp256k1; 29, 30: P-256) are recovered; whoever compares a signer compares its scheme too.
    """

def recover_digest(digest: bytes, signature: bytes) -> bytes | None:
    """Return the signer of a digest by the scheme that v says; None if the signature is refused."""

def address_of(secret_key: bytes, scheme: int = 1) -> bytes:
    """Return the address of a secret: scheme 1 secp256k1, 2 P-256."""

def keccak256(data: bytes) -> bytes: ...
def sign_commands(
    chain_id: int,
    verifying_contract: bytes,
    salt: bytes,
    commands: bytes,
    secrets: bytes,
    schemes: bytes | None = None,
) -> bytes:
    """Fill the last 65 bytes of commands (kinds 1 to 10) framed by u32, one secret of 32 each.

    `schemes` has a byte for each: 1 secp256k1, 2 P-256; without it all are 1.
    """

def sign_oracle(
    chain_id: int,
    verifying_contract: bytes,
    salt: bytes,
    payload: bytes,
    nodes: bytes,
    secrets: bytes,
) -> bytes:
    """Sign a vector of version 1 or 2 or a heartbeat (49 bytes); returns the `signatures` part."""

def sign_receipts(
    chain_id: int,
    verifying_contract: bytes,
    salt: bytes,
    first_log_number: int,
    hashes: bytes,
    secret_key: bytes,
) -> bytes:
    """Sign receipts of 64 bytes of hashes each; returns 65 bytes each."""

def verify_receipts(
    chain_id: int,
    verifying_contract: bytes,
    salt: bytes,
    first_log_number: int,
    hashes: bytes,
    signatures: bytes,
    address: bytes,
) -> bool:
    """Return whether every receipt bears the signature of this address."""

class ChainError(Exception):
    """The embedded chain refuses an operation; the text says why and what to do."""

# Number, hash, parent hash, time in s.
_Block = tuple[int, bytes, bytes, int]
# Address, topics, data, block number, transaction hash, place in the block.
_Log = tuple[bytes, list[bytes], bytes, int, bytes, int]

@final
class Chain:
    """The embedded chain, a single writer; in memory without a directory.

    Amounts of wei are 32 bytes big-endian. A directory that is damaged, locked or of another
    genesis raises JournalError; malformed arguments raise ValueError, the rest ChainError.
    """

    def __new__(
        cls,
        directory: str | None,
        chain_id: int,
        time_s: int,
        accounts: list[tuple[bytes, bytes]],
    ) -> Chain: ...
    def send(
        self,
        sender: bytes,
        to: bytes | None,
        data: bytes,
        value: bytes,
        gas: int,
        blobs: list[bytes],
        time_s: int | None,
    ) -> bytes:
        """Send a transaction and mine it into a block of its own; returns its hash."""

    def fund(self, account: bytes, wei: bytes) -> None: ...
    def mine(self, time_s: int | None) -> None: ...
    def revert_to(self, number: int) -> None: ...
    @property
    def chain_id(self) -> int: ...
    def head(self) -> _Block: ...
    def block(self, number: int) -> _Block | None: ...
    def entry(self, number: int) -> bytes | None:
        """Return what a block holds, as it is hashed (docs/spec/chain.md); None above the head."""

    def receipt(
        self, transaction_hash: bytes
    ) -> tuple[int, bool, int, bytes | None, list[_Log], bytes, str] | None:
        """Return block number, success, gas used, contract, logs, revert data, failure."""

    def call(
        self, sender: bytes, to: bytes | None, data: bytes, gas: int, block: int
    ) -> tuple[int, bytes, str]:
        """Return outcome (0 returned, 1 reverted, 2 failed), data, reason of a failure."""

    def logs(self, contract: bytes | None, from_block: int, to_block: int) -> list[_Log]: ...
    def balance(self, account: bytes, block: int) -> bytes: ...
    def code(self, account: bytes, block: int) -> bytes: ...
    def blob(self, versioned_hash: bytes) -> bytes | None: ...
    @property
    def recovery_message(self) -> str | None:
        """Return what opening has cut off the journal's end, None for nothing."""

    def close(self) -> None: ...

def blob_versioned_hash(blob: bytes) -> bytes:
    """Return the versioned hash of a blob; the first call prepares the trusted setup, 2 to 3 s."""

def blob_sidecar(blob: bytes) -> tuple[bytes, list[bytes]]:
    """Return the KZG commitment of a blob and its 128 cell proofs."""

def blob_opening(blob: bytes, point: bytes) -> bytes:
    """Return the 192 bytes that precompile 0x0a takes: hash, point, value, commitment, proof."""

def sign_digest(digest: bytes, secret_key: bytes) -> bytes:
    """Sign a digest; returns r, s (low), v of 27 or 28."""

def black76_q64(forward: int, strike: int, years: int, vol: int, is_call: bool) -> int:
    """Return the price of an option, all Q64.64, as docs/spec/pricing.md defines it to the bit.

    Raises ValueError that names the input outside its domain.
    """

def black76_q64_batch(
    forward: Sequence[int],
    strike: Sequence[int],
    years: Sequence[int],
    vol: Sequence[int],
    is_call: Sequence[bool],
) -> list[int]: ...
def greeks_q64(
    forward: int, strike: int, years: int, vol: int, is_call: bool
) -> tuple[int, int, int, int]:
    """Return delta, gamma, vega and theta (a year's), all Q64.64; inputs as `black76_q64`."""

def greeks_q64_batch(
    forward: Sequence[int],
    strike: Sequence[int],
    years: Sequence[int],
    vol: Sequence[int],
    is_call: Sequence[bool],
) -> list[tuple[int, int, int, int]]: ...
def black76_values(
    forward: Buffer, strike: Buffer, years: Buffer, vol: Buffer, rate: Buffer, is_call: Buffer
) -> bytes:
    """Return eight columns of doubles: price, delta, gamma, vega, theta, rho, vanna, volga.

    Takes buffers of doubles (array('d'), numpy) and of bytes that are 0 or 1, all of one length.
    For display, tools and makers: the last bits differ between processors.
    """

def implied_vols(
    forward: Buffer, strike: Buffer, years: Buffer, rate: Buffer, price: Buffer, is_call: Buffer
) -> bytes:
    """Return a column of volatilities as doubles: 0 at the intrinsic value, NaN where none fits."""

def build_rows(
    risk_set: bytes,
    vector: bytes,
    listings: Sequence[tuple[int, int, int, int, int]],
    basis_clamp: int,
    maintenance_rate: int,
) -> bytes:
    """Build the rows of listings (listing, kind, strike, expiry ns, quantum) without rows before.

    Returns u32 count and the rows of derivatives.md section 1. Raises ValueError with the rule
    that refuses the vector.
    """

@final
class MarginBook:
    """The rows of a group, ready to value portfolios; amounts in 1e-6 USD."""

    def __new__(cls, risk_set: bytes, vector: bytes, rows: bytes, coin: int) -> MarginBook: ...
    def margin(self, positions: Sequence[tuple[int, int]], fund: int) -> tuple[int, int, int]:
        """Return (MM, IM, worst) of (listing, size) positions, computed from nothing."""

    def sweep(
        self, portfolios: Sequence[Sequence[tuple[int, int]]], fund: int
    ) -> list[tuple[int, int, int]]:
        """Return (MM, IM, worst) of many portfolios, each from nothing."""

    def portfolio(self, positions: Sequence[tuple[int, int]]) -> MarginPortfolio: ...

@final
class MarginPortfolio:
    """The positions of an account in one group, whose sums are kept while they change."""

    def change(self, listing: int, by: int) -> None: ...
    def margin(self, fund: int) -> tuple[int, int, int]: ...
    def margin_repeated(self, fund: int, count: int) -> tuple[int, int, int]: ...
    def change_repeated(self, listing: int, by: int, fund: int, count: int) -> tuple[int, int, int]:
        """Change one position there and back `count` times: two changes, two margins each."""

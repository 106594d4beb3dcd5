"""The hashes of rows: chunks of 32 and the row root (risk.md section 3, hashes).

A chunk is four blocks of eight rows. A block hashes the rows' static words and, in a tree over
the columns, one leaf for each column of its eight rows, so that two leaves serve eight neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

from merkat.spec.risk.rows import Row
from merkat.spec.trees import node_hash
from merkat.spec.values import ZERO31, ZERO32, cut, keccak256

CHUNK_ROWS = 32
BLOCK_ROWS = 8
CHUNKS_END = 256
COLUMN_DEPTH = 7
ROOT_DEPTH = 8
STATIC_WORDS = 4
WORD_BYTES = 32


def chunk_hashes(rows: Sequence[Row]) -> tuple[bytes, ...]:
    """Return the chunk hashes (31 bytes each) of rows in ascending order of their listings."""
    chunks = [rows[start : start + CHUNK_ROWS] for start in range(0, len(rows), CHUNK_ROWS)]
    assert len(chunks) <= CHUNKS_END, f"{len(rows)} rows do not fit the tree of chunks"
    return tuple(cut(_chunk(chunk)) for chunk in chunks)


def row_root(hashes: Sequence[bytes]) -> bytes:
    """Return the row root (31 bytes) of the chunk hashes; 31 zero bytes without rows."""
    if not hashes:
        return ZERO31
    return cut(_root([one.rjust(WORD_BYTES, b"\0") for one in hashes], ROOT_DEPTH))


def _root(leaves: list[bytes], depth: int) -> bytes:
    """Return the root of a tree whose first leaves are these and whose others are zero."""
    assert len(leaves) <= 1 << depth, f"{len(leaves)} leaves do not fit depth {depth}"
    for _ in range(depth):
        leaves = [*leaves, ZERO32] if len(leaves) % 2 else leaves
        leaves = [
            node_hash(left, right) for left, right in zip(leaves[::2], leaves[1::2], strict=True)
        ]
    return leaves[0]


def _chunk(rows: Sequence[Row]) -> bytes:
    blocks = [_block(rows[start : start + BLOCK_ROWS]) for start in range(0, len(rows), BLOCK_ROWS)]
    return _root(blocks, 2)


def _block(rows: Sequence[Row]) -> bytes:
    """Return the hash of up to eight rows."""
    static = b"".join(static_words(row) for row in rows)
    static_leaf = _leaf(static.ljust(BLOCK_ROWS * STATIC_WORDS * WORD_BYTES, b"\0"))
    columns = zip(*((row.up, row.down, *row.scenarios) for row in rows), strict=True)
    return node_hash(static_leaf, _root([_column(column) for column in columns], COLUMN_DEPTH))


def static_words(row: Row) -> bytes:
    """Return the four words of what does not depend on a scenario."""
    terms = row.listing.to_bytes(4, "big") + bytes([row.kind])
    terms += _signed(row.strike) + row.expiry.to_bytes(8, "big") + _signed(row.years)
    words = (
        terms,
        _signed(row.mark, row.low, row.high),
        _signed(row.unit_risk, row.delta, row.gamma),
        _signed(row.vega, row.theta, row.forward),
    )
    return b"".join(word.rjust(WORD_BYTES, b"\0") for word in words)


def _column(entries: tuple[int, ...]) -> bytes:
    """Return the leaf of one column of a block: three words for eight entries."""
    packed = entries + (0,) * (BLOCK_ROWS - len(entries))
    words = (_signed(*packed[0:3]), _signed(*packed[3:6]), _signed(*packed[6:8]))
    return _leaf(b"".join(word.rjust(WORD_BYTES, b"\0") for word in words))


def _leaf(words: bytes) -> bytes:
    """Return the hash of a leaf that is there, even if all its words are zero."""
    return keccak256(b"\0" + words)


def _signed(*values: int) -> bytes:
    return b"".join(value.to_bytes(8, "big", signed=True) for value in values)

"""A small contract in assembly whose first byte of call data says what it does.

It needs no compiler, so the tests of the chains do not depend on the contracts of custody.
"""

from __future__ import annotations

STORE, READ, REVERT, LOOP, TIME, STORE_BLOB_HASH, BLOCK_HASH, EVALUATE = range(1, 9)

_OPCODES = {
    "STOP": 0x00, "SUB": 0x03, "EQ": 0x14, "SHR": 0x1C, "CALLDATALOAD": 0x35,
    "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37, "CODECOPY": 0x39, "BLOCKHASH": 0x40,
    "TIMESTAMP": 0x42, "BLOBHASH": 0x49, "MSTORE": 0x52, "SLOAD": 0x54, "SSTORE": 0x55,
    "JUMP": 0x56, "JUMPI": 0x57, "GAS": 0x5A, "DUP1": 0x80, "LOG1": 0xA1, "RETURN": 0xF3,
    "STATICCALL": 0xFA, "REVERT": 0xFD, "PUSH0": 0x5F,
}  # fmt: skip
_PUSH1, _JUMPDEST = 0x60, 0x5B


def _assemble(source: str) -> bytes:
    """Assemble words: an opcode, a byte to push in decimal, `name:` for a place, `@name` for it."""
    code = bytearray()
    places: dict[str, int] = {}
    uses: list[tuple[int, str]] = []
    for word in source.split():
        if word.endswith(":"):
            places[word[:-1]] = len(code)
            code.append(_JUMPDEST)
        elif word.startswith("@"):
            uses.append((len(code) + 1, word[1:]))
            code += bytes([_PUSH1, 0])
        elif word.isdigit():
            code += bytes([_PUSH1, int(word)])
        else:
            code.append(_OPCODES[word])
    for at, name in uses:
        code[at] = places[name]
    return bytes(code)


_CASES = " ".join(f"DUP1 {number} EQ @case{number} JUMPI" for number in range(STORE, EVALUATE + 1))
_RUNTIME = _assemble(
    f"""
    PUSH0 CALLDATALOAD 248 SHR {_CASES} STOP
    case{STORE}: 1 CALLDATALOAD
    store: DUP1 PUSH0 SSTORE DUP1 PUSH0 MSTORE 32 PUSH0 LOG1 STOP
    case{READ}: PUSH0 SLOAD
    return: PUSH0 MSTORE 32 PUSH0 RETURN
    case{REVERT}: 1 CALLDATASIZE SUB DUP1 1 PUSH0 CALLDATACOPY PUSH0 REVERT
    case{LOOP}: @case{LOOP} JUMP
    case{TIME}: TIMESTAMP @return JUMP
    case{STORE_BLOB_HASH}: PUSH0 BLOBHASH @store JUMP
    case{BLOCK_HASH}: 1 CALLDATALOAD BLOCKHASH @return JUMP
    case{EVALUATE}: 192 1 PUSH0 CALLDATACOPY 64 PUSH0 192 PUSH0 10 GAS STATICCALL @return JUMP
    """
)
# In assembly the last push is the first operand: `1 CALLDATASIZE SUB` is CALLDATASIZE - 1.
_CONSTRUCTOR_BYTES = 9
CREATION_CODE = (
    _assemble(f"{len(_RUNTIME)} DUP1 {_CONSTRUCTOR_BYTES} PUSH0 CODECOPY PUSH0 RETURN") + _RUNTIME
)
RUNTIME_CODE = _RUNTIME


def probe(what: int, data: bytes = b"") -> bytes:
    """Return the call data for one of the constants above."""
    return bytes([what]) + data

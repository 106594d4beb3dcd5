"""Ethereum JSON-RPC over the embedded chain: what it answers, what it refuses, who may do what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from merkat import _core
from merkat.sdk.keys import derive_secret
from merkat.settlement.chain import EmbeddedChain, Transaction, development_secrets
from merkat.settlement.chain.abi import load_artifact
from merkat.settlement.chain.signing import Envelope, sign_transaction
from merkat.settlement.contracts import abi, send
from merkat.venue.chain_rpc import ChainRpc

DEVELOPER = _core.address_of(development_secrets(1)[0])
OWNER_SECRET = derive_secret(1, "owner")
OWNER = _core.address_of(OWNER_SECRET)
STRANGER = "0x" + "77" * 20


class OwnThread:
    """Runs jobs at once, where the chain's thread would."""

    def __init__(self, chain: EmbeddedChain) -> None:
        self.custody: Any = SimpleNamespace(chain=chain)

    def call(self, run: Any) -> Future[Any]:
        """Run a job."""
        future: Future[Any] = Future()
        try:
            future.set_result(run(self.custody))
        except Exception as error:
            future.set_exception(error)
        return future


class Caller:
    """Sends requests to an endpoint."""

    def __init__(self, chain: EmbeddedChain, demo: bool) -> None:
        worker: Any = OwnThread(chain)
        self.rpc = ChainRpc(worker, demo, frozenset((OWNER,)))

    def raw(self, body: bytes) -> Any:
        """Return the whole answer."""
        return json.loads(asyncio.run(self.rpc.answer(body)))

    def __call__(self, method: str, *params: Any) -> Any:
        answer = self.raw(json.dumps({"id": 5, "method": method, "params": params}).encode())
        assert answer["id"] == 5
        assert "error" not in answer, answer
        return answer["result"]

    def refused(self, method: str, *params: Any) -> tuple[int, str]:
        """Return code and message of the error."""
        answer = self.raw(json.dumps({"id": 5, "method": method, "params": params}).encode())
        assert "result" not in answer, answer
        return answer["error"]["code"], answer["error"]["message"]


@pytest.fixture
def chain() -> Iterator[EmbeddedChain]:
    made = EmbeddedChain()
    yield made
    made.close()


@pytest.fixture
def demo(chain: EmbeddedChain) -> Caller:
    return Caller(chain, demo=True)


@pytest.fixture
def public(chain: EmbeddedChain) -> Caller:
    return Caller(chain, demo=False)


@pytest.fixture
def token(chain: EmbeddedChain) -> bytes:
    code = load_artifact("TestToken").creation_code("Test USD", "tUSD", 6)
    address = send(chain, DEVELOPER, None, code).contract_address
    assert address is not None
    return address


def hexadecimal(data: bytes) -> str:
    return "0x" + data.hex()


def test_blocks_balances_and_code(chain: EmbeddedChain, public: Caller, token: bytes) -> None:
    assert public("eth_chainId") == hex(31_337)
    assert public("net_version") == "31337"
    assert public("eth_blockNumber") == "0x1"
    block = public("eth_getBlockByNumber", "0x1", False)
    header = chain.block(1)
    assert header is not None
    assert block["hash"] == hexadecimal(header.hash)
    assert block["timestamp"] == hex(header.time_s)
    (name,) = block["transactions"]
    (whole,) = public("eth_getBlockByNumber", "latest", True)["transactions"]
    assert (whole["hash"], whole["from"], whole["to"]) == (name, hexadecimal(DEVELOPER), None)
    receipt = public("eth_getTransactionReceipt", name)
    assert receipt["contractAddress"] == hexadecimal(token)
    assert receipt["gasUsed"] == block["gasUsed"]
    assert public("eth_getBlockByNumber", "0x2", False) is None
    assert public("eth_getTransactionReceipt", "0x" + "00" * 32) is None
    assert public("eth_getTransactionByHash", "0x" + "00" * 32) is None
    assert int(public("eth_getBalance", hexadecimal(DEVELOPER), "latest"), 16) > 0
    assert public("eth_getCode", hexadecimal(token)) == hexadecimal(chain.code(token))
    assert public("eth_getCode", STRANGER, "latest") == "0x"
    assert public("eth_getTransactionCount", hexadecimal(DEVELOPER), "pending") == "0x1"
    assert public("eth_getTransactionCount", STRANGER) == "0x0"


def test_calls_and_reverts(public: Caller, token: bytes) -> None:
    abi_of = abi("TestToken")
    call = {"to": hexadecimal(token), "data": hexadecimal(abi_of.call("decimals"))}
    assert int(public("eth_call", call, "latest"), 16) == 6
    assert int(public("eth_call", {"to": call["to"], "input": call["data"]}), 16) == 6
    assert public("eth_call", call, "0x0") == "0x", "before the contract was there"
    data = hexadecimal(abi_of.call("transfer", OWNER, 5))
    answer = public.raw(
        json.dumps({"id": 1, "method": "eth_call", "params": [{**call, "data": data}]}).encode()
    )
    assert answer["error"]["code"] == 3
    assert answer["error"]["data"].startswith("0x")
    assert len(answer["error"]["data"]) > 10, "what the contract said"


def test_logs_by_address_blocks_and_topics(demo: Caller, token: bytes) -> None:
    for amount in (5, 6):
        data = hexadecimal(abi("TestToken").call("mint", OWNER, amount))
        demo(
            "eth_sendTransaction",
            {"from": hexadecimal(DEVELOPER), "to": hexadecimal(token), "data": data},
        )
    topic = hexadecimal(abi("TestToken").topic("Transfer"))
    every = {"fromBlock": "earliest", "toBlock": "latest", "address": hexadecimal(token)}
    found = demo("eth_getLogs", {**every, "topics": [topic]})
    assert [int(log["data"], 16) for log in found] == [5, 6]
    assert [log["blockNumber"] for log in found] == ["0x2", "0x3"]
    assert demo("eth_getLogs", {**every, "fromBlock": "0x3"}) == found[1:]
    to = "0x" + OWNER.rjust(32, b"\x00").hex()
    assert demo("eth_getLogs", {**every, "topics": [None, None, [to, topic]]}) == found
    assert demo("eth_getLogs", {**every, "topics": [to]}) == []
    assert demo("eth_getLogs", {**every, "topics": [None] * 4}) == [], "no log has four"
    assert demo("eth_getLogs", {"fromBlock": "0x9", "toBlock": "0x12"}) == []


def test_a_wallet_signs_and_is_known_by_its_own_hash(
    chain: EmbeddedChain, public: Caller, token: bytes
) -> None:
    chain.fund(OWNER, 10**18)

    def signed(nonce: int) -> tuple[str, str]:
        transaction = Transaction(OWNER, token, abi("TestToken").call("mint", OWNER, 5))
        envelope = Envelope(chain.chain_id, nonce, 10**9, 3 * 10**9, 0)
        name, raw = sign_transaction(transaction, envelope, OWNER_SECRET)
        return hexadecimal(name), hexadecimal(raw)

    name, raw = signed(0)
    assert public("eth_sendRawTransaction", raw) == name
    receipt = public("eth_getTransactionReceipt", name)
    assert (receipt["transactionHash"], receipt["status"]) == (name, "0x1")
    assert public("eth_getTransactionByHash", name)["from"] == hexadecimal(OWNER)
    assert public("eth_getTransactionCount", hexadecimal(OWNER), "latest") == "0x1"
    assert public.refused("eth_sendRawTransaction", raw) == (-32000, "already known")
    code, says = public.refused("eth_sendRawTransaction", signed(5)[1])
    assert (code, says) == (-32000, "nonce too high: was 5, expected 1")
    code, says = public.refused("eth_sendRawTransaction", raw[:-2] + "00")
    assert code == -32000


def test_a_sender_without_ether_is_refused(chain: EmbeddedChain, public: Caller) -> None:
    transaction = Transaction(OWNER, bytes(20))
    envelope = Envelope(chain.chain_id, 0, 10**9, 3 * 10**9, 0)
    raw = hexadecimal(sign_transaction(transaction, envelope, OWNER_SECRET)[1])
    code, says = public.refused("eth_sendRawTransaction", raw)
    assert (code, "sender" in says) == (-32000, True)


def test_what_only_a_demo_does(chain: EmbeddedChain, demo: Caller, public: Caller) -> None:
    transaction = {"from": hexadecimal(DEVELOPER), "to": STRANGER, "value": "0x5"}
    for method, params in (
        ("eth_sendTransaction", [transaction]),
        ("evm_mine", []),
        ("anvil_setBalance", [STRANGER, "0x5"]),
    ):
        code, says = public.refused(method, *params)
        assert (code, "--demo" in says) == (-32601, True), method
    assert public("eth_accounts") == []
    assert chain.block_number() == 0
    assert hexadecimal(OWNER) in demo("eth_accounts")
    name = demo("eth_sendTransaction", transaction)
    assert demo("eth_getTransactionReceipt", name)["status"] == "0x1"
    demo("evm_mine")
    assert demo("anvil_setBalance", STRANGER, "0x9") is True
    assert demo("eth_getBalance", STRANGER, "latest") == "0x9"
    code, says = demo.refused("anvil_setBalance", STRANGER, "0x8")
    assert (code, "at least 0x9" in says) == (-32602, True)
    code, says = demo.refused("eth_sendTransaction", {**transaction, "from": STRANGER})
    assert (code, "eth_accounts" in says) == (-32602, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"[" * 50_000, -32700),
        (b"[]", -32600),
        (b"5", -32600),
        (b"{}", -32600),
        (b'{"method": 5}', -32600),
        (b'{"method": "eth_chainId", "params": {}}', -32602),
        (b'{"method": "eth_chainId", "params": [1]}', -32602),
        (b'{"method": "eth_mine"}', -32601),
        (b'{"method": "eth_getBalance", "params": []}', -32602),
        (b'{"method": "eth_getBalance", "params": ["0x12"]}', -32602),
        (b'{"method": "eth_getBalance", "params": [5]}', -32602),
        (b'{"method": "eth_getCode", "params": ["0xzz"]}', -32602),
        (b'{"method": "eth_call", "params": [5]}', -32602),
        (b'{"method": "eth_call", "params": [{}]}', -32602),
        (b'{"method": "eth_getLogs", "params": [{"blockhash": "0x"}]}', -32602),
        (b'{"method": "eth_getLogs", "params": [{"topics": 5}]}', -32602),
        (b'{"method": "eth_getLogs", "params": [{"topics": ["0x1"]}]}', -32602),
        (b'{"method": "eth_getBlockByNumber", "params": ["newest"]}', -32602),
        (b'{"method": "eth_getBlockByNumber", "params": ["0x1", 5]}', -32602),
        (b'{"method": "eth_sendRawTransaction", "params": ["0x"]}', -32000),
    ],
)
def test_bad_requests(public: Caller, body: bytes, code: int) -> None:
    answer = public.raw(body)
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]


def test_older_states_are_read_with_calls(chain: EmbeddedChain, public: Caller) -> None:
    chain.mine()
    code, says = public.refused("eth_getBalance", STRANGER, "0x0")
    assert (code, "eth_call" in says) == (-32602, True)
    assert public("eth_getBalance", STRANGER, "0x1") == "0x0"


async def http(rpc: ChainRpc, method: str, *parts: bytes) -> tuple[int, bytes]:
    """Send one HTTP request in parts; returns status and body."""
    sent: list[dict[str, Any]] = []
    waiting = [
        {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
        for at, part in enumerate(parts)
    ]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send_part(message: dict[str, Any]) -> None:
        sent.append(message)

    await rpc({"type": "http", "method": method}, receive, send_part)
    return (sent[0]["status"], sent[1]["body"]) if sent else (0, b"")


def test_bodies_over_http(public: Caller) -> None:
    body = b'{"id": 1, "method": "eth_chainId"}'
    status, answer = asyncio.run(http(public.rpc, "POST", body[:9], body[9:]))
    assert (status, json.loads(answer)["result"]) == (200, "0x7a69")
    assert asyncio.run(http(public.rpc, "GET", b""))[0] == 405
    assert asyncio.run(http(public.rpc, "POST", bytes(600_000), bytes(600_000)))[0] == 413
    assert asyncio.run(http(public.rpc, "POST"))[0] == 0, "who left gets no answer"

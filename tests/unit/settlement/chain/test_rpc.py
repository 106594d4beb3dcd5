"""What can go wrong between RpcChain and an endpoint, and how its transactions are encoded."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from merkat import _core
from merkat.settlement.chain import (
    CallRevertedError,
    ChainError,
    ChainUnavailableError,
    RpcChain,
    Transaction,
    TransactionRefusedError,
    development_secrets,
    wait_for_receipt,
)
from merkat.settlement.chain.json_rpc import JsonRpc, RpcError
from merkat.settlement.chain.signing import Envelope, Item, rlp_encode, sign_transaction

SECRET = development_secrets(1)[0]
SENDER = _core.address_of(SECRET)
Answer = Callable[[str, list[Any]], object]


class AnswerError(Exception):
    """The endpoint's answer is this error object."""


class GarbageError(Exception):
    """The endpoint's answer is this text with this status."""


class DroppedError(Exception):
    """The endpoint closes the connection without an answer."""


class QuietServer(ThreadingHTTPServer):
    """Says nothing when a client is gone before its answer, which some tests want."""

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def endpoint(answer: Answer) -> Iterator[str]:
    """Yield the address of an endpoint whose results are what `answer` returns or raises."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content: dict[str, object] = {"jsonrpc": "2.0", "id": request["id"]}
            status, text = 200, None
            try:
                content["result"] = answer(request["method"], request["params"])
            except AnswerError as error:
                content["error"] = error.args[0]
            except GarbageError as error:
                status, text = error.args
            except DroppedError:
                self.close_connection = True
                return
            body = (text if text is not None else json.dumps(content)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def node(**answers: object) -> Answer:
    """Return the answers of a node; an exception among them is raised."""
    known: dict[str, object] = {
        "eth_chainId": "0x1",
        "eth_getBlockByNumber": {"baseFeePerGas": "0x7"},
        "eth_getTransactionCount": "0x5",
        **answers,
    }

    def answer(method: str, _: list[Any]) -> object:
        found = known[method]
        if isinstance(found, Exception):
            raise found
        return found

    return answer


@pytest.mark.parametrize("url", ["ftp://host", "127.0.0.1:8545", "http://"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        JsonRpc(url)


def test_an_endpoint_that_is_not_there() -> None:
    with endpoint(node()) as url:
        RpcChain(url).close()
    with pytest.raises(ChainUnavailableError, match="cannot be reached"):
        RpcChain(url)


@pytest.mark.parametrize(
    "garbage", [(502, "<html>"), (200, ""), (200, "[]"), (200, '{"id": 99, "result": "0x1"}')]
)
def test_an_answer_that_is_no_json_rpc(garbage: tuple[int, str]) -> None:
    with (
        endpoint(node(eth_chainId=GarbageError(*garbage))) as url,
        pytest.raises(ChainUnavailableError),
    ):
        RpcChain(url)


def test_a_closed_connection_is_opened_again_once() -> None:
    calls = []

    def answer(method: str, _: list[Any]) -> object:
        calls.append(method)
        if len(calls) in (2, 4, 5):
            raise DroppedError
        return "0x1"

    with endpoint(answer) as url:
        chain = RpcChain(url)
        assert chain.block_number() == 1, "one drop of a kept connection must not be seen"
        with pytest.raises(ChainUnavailableError):
            chain.block_number()
        assert calls[1:] == ["eth_blockNumber"] * 4, "a request is sent at most twice"
        chain.close()


def test_a_timeout_is_not_tried_again() -> None:
    released = threading.Event()
    calls = []

    def answer(method: str, _: list[Any]) -> object:
        calls.append(method)
        if method == "eth_blockNumber":
            released.wait(10)
        return "0x1"

    with endpoint(answer) as url:
        chain = RpcChain(url, timeout_s=0.2)
        with pytest.raises(ChainUnavailableError):
            chain.block_number()
        released.set()
        chain.close()
    assert calls == ["eth_chainId", "eth_blockNumber"]


def test_a_refusal_of_the_endpoint_is_no_revert() -> None:
    limit = AnswerError({"code": -32005, "message": "rate limit"})
    with endpoint(node(eth_call=limit, eth_getLogs=limit, eth_blockNumber="0x9")) as url:
        chain = RpcChain(url)
        with pytest.raises(RpcError, match="rate limit") as refused:
            chain.call(bytes(20), b"")
        assert refused.value.code == -32005
        with pytest.raises(ChainError, match="rate limit"):
            chain.logs(None, 1, 2)
        chain.close()


@pytest.mark.parametrize("data", ["0x01020304", None])
def test_a_revert_is_told_from_a_refusal(data: str | None) -> None:
    error = AnswerError({"code": 3, "message": "execution reverted", "data": data})
    with endpoint(node(eth_call=error)) as url:
        chain = RpcChain(url)
        with pytest.raises(CallRevertedError) as reverted:
            chain.call(bytes(20), b"")
        assert reverted.value.data == bytes.fromhex(data[2:] if data else "")
        chain.close()


def test_a_transaction_that_the_node_has_already_is_sent() -> None:
    known = AnswerError({"code": -32000, "message": "already known"})
    with endpoint(node(eth_sendRawTransaction=known)) as url:
        chain = RpcChain(url, [SECRET])
        assert len(chain.send_transaction(Transaction(SENDER, bytes(20)))) == 32
        chain.close()


def test_a_transaction_that_the_node_refuses() -> None:
    poor = AnswerError({"code": -32000, "message": "insufficient funds"})
    with endpoint(node(eth_sendRawTransaction=poor)) as url:
        chain = RpcChain(url, [SECRET])
        with pytest.raises(TransactionRefusedError, match="insufficient funds"):
            chain.send_transaction(Transaction(SENDER, bytes(20)))
        chain.close()


def test_a_stuck_transaction_is_told_from_a_failed_one() -> None:
    with endpoint(node(eth_getTransactionReceipt=None)) as url:
        chain = RpcChain(url)
        with pytest.raises(ChainUnavailableError, match="in no block"):
            wait_for_receipt(chain, bytes(32), timeout_s=0.05)
        chain.close()


FAILED = {
    "transactionHash": "0x" + "11" * 32,
    "blockNumber": "0x9",
    "blockHash": "0x" + "22" * 32,
    "status": "0x0",
    "gasUsed": "0x5208",
    "logs": [],
}
PENDING = {"from": "0x" + "33" * 20, "to": None, "input": "0x", "value": "0x0", "gas": "0x1"}


@pytest.mark.parametrize(
    ("sent", "data"), [({**PENDING, "blockNumber": None}, b"\x01"), (None, b"")]
)
def test_a_failed_transaction_that_the_node_shows_as_pending_or_dropped(
    sent: object, data: bytes
) -> None:
    revert = AnswerError({"code": 3, "message": "execution reverted", "data": "0x01"})
    answers = node(eth_getTransactionReceipt=FAILED, eth_getTransactionByHash=sent, eth_call=revert)
    with endpoint(answers) as url:
        chain = RpcChain(url)
        receipt = chain.receipt(b"\x11" * 32)
        assert receipt is not None
        assert (receipt.success, receipt.revert_data) == (False, data)
        chain.close()


def test_a_node_without_blobs_has_none() -> None:
    missing = AnswerError({"code": -32601, "message": "method not found"})
    with endpoint(node(anvil_getBlobByHash=missing)) as url:
        chain = RpcChain(url)
        assert chain.blob(bytes(32)) is None
        chain.close()


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (b"", "80"),
        (b"\x00", "00"),
        (b"\x7f", "7f"),
        (b"\x80", "8180"),
        (0, "80"),
        (15, "0f"),
        (1024, "820400"),
        (b"dog", "83646f67"),
        ([], "c0"),
        ([b"cat", b"dog"], "c88363617483646f67"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
        (b"Lorem ipsum dolor sit amet, consectetur adipisicing elit",
         "b8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164"
         "69706973696369"
         "6e6720656c6974"),
        (bytes(1024), "b90400" + "00" * 1024),
    ],
)  # fmt: skip
def test_rlp_as_the_ethereum_documentation_gives_it(item: Item, encoded: str) -> None:
    assert rlp_encode(item).hex() == encoded


def test_the_signature_of_a_transaction_names_its_sender() -> None:
    transaction = Transaction(SENDER, b"\x22" * 20, b"data", value_wei=3, gas=50_000)
    envelope = Envelope(
        chain_id=1, nonce=5, priority_fee_wei=2, gas_fee_max_wei=9, blob_gas_fee_max_wei=0
    )
    transaction_hash, raw = sign_transaction(transaction, envelope, SECRET)
    assert transaction_hash == _core.keccak256(raw)
    unsigned: list[Item] = [1, 5, 2, 9, 50_000, b"\x22" * 20, 3, b"data", []]
    y_parity, r, s = raw[-67], raw[-65:-33], raw[-32:]
    signature = r + s + bytes([27 + (y_parity & 1)])
    digest = _core.keccak256(b"\x02" + rlp_encode(unsigned))
    found = _core.recover_digest(digest, signature)
    other = _core.recover_digest(_core.keccak256(digest), signature)
    assert found == SENDER
    assert other != SENDER, "another digest must name another sender"

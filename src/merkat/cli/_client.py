"""How the commands for people reach a gateway: where, as whom, and what its errors mean here."""

from __future__ import annotations

import asyncio
import json as standard_json
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

from cyclopts import Parameter

from merkat.cli import _common

if TYPE_CHECKING:
    from merkat.api.client import RpcClient

Value = TypeVar("Value")

# Everything a command asks of a gateway together; a gateway that is up answers in milliseconds.
ANSWER_S_MAX: Final = 20.0
WS_PATH: Final = "/ws/api/v2"
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

# In `--json` these are decimal strings, as money is in every command; all else are numbers.
_MONEY: Final = re.compile(
    r"(?:.*_)?(?:price|pl|rpl|upl|funds|margin|balance|equity|value|commission|fee|loss|usd|reserve"
    r"|funding|loan|loan_limit|cost)"
)
_RATES: Final = frozenset(("maker_fee", "taker_fee", "current_funding"))

Json = Annotated[bool, Parameter(name="--json", negative="")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where the gateway is and whose orders these are.

    Parameters
    ----------
    url
        The gateway: http://host:port or ws://host:port/ws/api/v2.
    client_id
        The client's name at the gateway.
    client_secret
        The client's secret; better in the environment or a file than on a command line.
    keys
        The keys file of the gateway; its first client, or the one of --client-id.
    """

    url: Annotated[str | None, Parameter(env_var="MERKAT_URL")] = None
    client_id: Annotated[str | None, Parameter(env_var="MERKAT_CLIENT_ID")] = None
    client_secret: Annotated[str | None, Parameter(env_var="MERKAT_CLIENT_SECRET")] = None
    keys: Annotated[Path | None, Parameter(env_var="MERKAT_KEYS")] = None

    def ws_url(self) -> str:
        """Return the WebSocket URL of the dialect. Raises CommandError (usage)."""
        if self.url is None:
            raise _common.usage(
                "no gateway is named; give --url http://host:port or set MERKAT_URL "
                "(`merkat demo --keep` prints one)"
            )
        parts = urlsplit(self.url)
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None or not parts.hostname:
            raise _common.usage(
                f"--url is {self.url!r}; expected http://host:port or ws://host:port{WS_PATH}"
            )
        path = parts.path.rstrip("/")
        if path in ("", "/api/v2", WS_PATH):
            return f"{scheme}://{parts.netloc}{WS_PATH}"
        raise _common.usage(
            f"--url is {self.url!r}; its path is {path}, expected none or {WS_PATH}"
        )

    def credentials(self) -> tuple[str, str]:
        """Return client id and secret. Raises CommandError (usage, refused input)."""
        if self.client_id is not None and self.client_secret is not None:
            return self.client_id, self.client_secret
        if self.keys is None:
            raise _common.usage(
                "this needs an account: set MERKAT_CLIENT_ID and MERKAT_CLIENT_SECRET, or name the "
                "gateway's keys file with --keys (`merkat account create` writes one)"
            )
        return _from_keys(self.keys, self.client_id)


NOT_NAMED: Final = Connection()


def _from_keys(path: Path, client_id: str | None) -> tuple[str, str]:
    """Return the credentials of a keys file. Raises CommandError where they are not there."""
    try:
        clients = standard_json.loads(path.read_text(encoding="utf-8"))["clients"]
        found = [(str(one["client_id"]), str(one["client_secret"])) for one in clients]
    except (ValueError, KeyError, TypeError) as error:
        raise _common.refused(
            f"{path}: not a keys file ({error}); expected one of `merkat account create`"
        ) from error
    for name, secret in found:
        if client_id in (None, name):
            return name, secret
    names = ", ".join(name for name, _ in found) or "nobody"
    raise _common.refused(f"{path}: --client-id is {client_id!r}; this file has {names}")


def ask(
    connection: Connection,
    body: Callable[[RpcClient], Awaitable[Value]],
    *,
    private: bool,
) -> Value:
    """Connect, authenticate where `private`, run `body`, close.

    Raises:
        CommandError: nobody answers (environment), or connection settings are missing (usage).
        RpcError: the gateway refused; `guarded` turns it into a message.
    """
    ws_url = connection.ws_url()
    credentials = connection.credentials() if private else None

    from merkat.api.client import RpcClient, RpcClosedError

    async def run() -> Value:
        client = await RpcClient.connect(ws_url)
        try:
            if credentials is not None:
                await client.auth(*credentials)
            return await body(client)
        finally:
            await client.close()

    try:
        return asyncio.run(asyncio.wait_for(run(), ANSWER_S_MAX))
    except (TimeoutError, RpcClosedError) as error:
        how = "did not answer in time" if isinstance(error, TimeoutError) else "has gone away"
        raise _common.CommandError(
            _common.ENVIRONMENT,
            f"{ws_url} {how}; whether an order reached the venue is not known: when it is back, "
            "`merkat order show --label LABEL` says it for certain",
        ) from None
    except OSError as error:
        raise _common.CommandError(
            _common.ENVIRONMENT,
            f"nobody answers at {ws_url} ({error.strerror or error}); start `merkat gateway` or "
            "`merkat demo --keep`, or name another --url. `merkat doctor` looks further",
        ) from error


def guarded(as_json: bool, body: Callable[[], int]) -> int:
    """Run a command's body; a refusal of the gateway becomes a message and exit code 3.

    With `as_json` the refusal is also the last line: {"error": {"code", "message", "data"}}.
    """

    def inner() -> int:
        from merkat.api.client import RpcError

        try:
            return body()
        except RpcError as error:
            if as_json:
                described = {"code": error.code, "message": error.message, "data": error.data}
                print_json({"error": described})
            raise _common.refused(refusal_text(error.code, error.message, error.data)) from error

    return _common.guarded(inner)


def refusal_text(code: int, message: str, data: object) -> str:
    """Return a refusal in words: code, name, field, what was expected, what to do."""
    parts = [f"refused: {message} ({code})"]
    if isinstance(data, Mapping):
        field, reason, hint = (data.get(name) for name in ("param", "reason", "hint"))
        if field and reason:
            named = str(reason).startswith(str(field))
            parts.append(str(reason) if named else f"{field}: {reason}")
        elif field or reason:
            parts.append(str(field or reason))
        if hint:
            parts.append(str(hint))
    return "; ".join(parts)


def number(text: str, field: str) -> Decimal:
    """Return a decimal of the command line, exactly. Raises CommandError (usage)."""
    plain = text.replace("_", "").replace(",", "")
    try:
        value = Decimal(plain)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or "e" in plain.lower():
        raise _common.usage(f"{field} is {text!r}; expected a decimal number such as 0.1 or 64000")
    return value


def shown(value: object, places: int | None = None) -> str:
    """Return a number for people: thousands separated, nothing lost unless `places` says so."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        value = Decimal(str(value))
    if isinstance(value, int | Decimal):
        if places is not None:
            return f"{value:,.{places}f}"
        text = f"{value:,f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def jsonable(value: Any, name: str = "") -> Any:
    """Return an answer with money as decimal strings, other numbers as they are."""
    if isinstance(value, Mapping):
        return {key: jsonable(part, str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(part, name) for part in value]
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if is_number and name not in _RATES and _MONEY.fullmatch(name):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    return value


def print_json(value: Mapping[str, object]) -> None:
    """Print an answer as the one JSON object of `--json`, every number exact."""
    from merkat.api.json import dumps

    sys.stdout.write(dumps(jsonable(value)).decode() + "\n")
    sys.stdout.flush()

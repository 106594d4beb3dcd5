"""The way out: a claim shows an account's leaf under a final root, and the Vault pays its owner."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.settlement.chain.interface import ChainError
from merkat.settlement.contracts import Contracts, abi
from merkat.settlement.proofs import AccountProof


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim paid: to whom, how much now, how much since ever."""

    account: int
    token: int
    owner: bytes
    amount: int
    total: int
    batch: int
    gas: int


def claim(
    contracts: Contracts, sender: bytes, batch: int, proof: AccountProof, token: int = 0
) -> Claim:
    """Claim what is open against a final batch. Anyone may send it; the owner is paid.

    Raises ProofError before anything is sent if the proof leads nowhere; ContractRefusedError with
    the Vault's reason (not final, another root).
    """
    proof.root()
    receipt = contracts.send(sender, "Vault", "claim", batch, proof.arguments(), token)
    vault = abi("Vault")
    for log in receipt.logs:
        event = vault.event(log) if log.address == contracts.addresses.vault else None
        if event is not None and event.name == "Claimed":
            amount, total = event.fields["amount"], event.fields["total"]
            return Claim(proof.account, token, proof.owner, amount, total, batch, receipt.gas_used)
    # Nothing was open: the Vault has paid as much already, or more against a later batch.
    total = contracts.read("Vault", "paid", proof.account, token)
    if total < proof.claimable(token):
        raise ChainError(
            f"the claim of account {proof.account} paid nothing, though "
            f"{proof.claimable(token) - total} are open: the Vault's event is missing"
        )
    return Claim(proof.account, token, proof.owner, 0, total, batch, receipt.gas_used)


def force_withdrawal(
    contracts: Contracts, owner: bytes, account: int, amount: int, token: int = 0
) -> int:
    """Put a forced withdrawal into the Inbox as the account's owner; returns the item's index."""
    fee = contracts.read("Inbox", "feeWei")
    receipt = contracts.send(
        owner, "Inbox", "forceWithdrawal", account, token, amount, value_wei=fee
    )
    for log in receipt.logs:
        event = abi("Inbox").event(log)
        if event is not None and event.name == "ItemEnqueued":
            index: int = event.fields["index"]
            return index
    raise ChainError("the Inbox took the forced withdrawal without an event")

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../../src/TestToken.sol";
import {AccountIndex} from "../../src/types/AccountIndex.sol";
import {BatchIndex} from "../../src/types/BatchIndex.sol";
import {InboxCursor} from "../../src/types/InboxCursor.sol";
import {Root} from "../../src/types/Root.sol";
import {TimeMs} from "../../src/types/Time.sol";
import {SETTLEMENT_TOKEN} from "../../src/types/TokenId.sol";
import {Venue} from "../support/Venue.sol";
import {Handler} from "./Handler.sol";

/// Deposits, posts, claims, pauses and freezes interleaved at random (see Handler).
contract CustodyInvariantTest is Venue {
    uint256 private constant ACCOUNTS = 5;
    Handler private handler;

    function setUp() public override {
        super.setUp();
        for (uint256 account = 1; account <= ACCOUNTS; ++account) {
            ledger.setOwner(account, vm.addr(1000 + account));
        }
        deploy(ledger.root());
        handler =
            new Handler(vault, inbox, anchor, TestToken(address(token)), ledger, poster, guardian);
    }

    /// forge reads this: only the handler is called.
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// The vault holds what was paid in and not out; nobody else can take from it.
    function invariant_vault_holds_deposits_less_claims() public view {
        vm.assertEq(
            token.balanceOf(address(vault)), handler.deposited() - handler.paidOut(), "balance"
        );
    }

    /// No path pays more than claimable: the largest final amount that was claimed, once.
    function invariant_each_owner_got_the_largest_amount_claimed() public view {
        for (uint256 account = 1; account <= ACCOUNTS; ++account) {
            uint256 most = handler.mostFinal(account);
            vm.assertEq(handler.paidTo(account), most, "paid in sum");
            vm.assertEq(token.balanceOf(handler.owner(account)) >= most, true, "the owner has it");
            uint256 counter = vault.paid(AccountIndex.wrap(uint32(account)), SETTLEMENT_TOKEN);
            vm.assertEq(counter, most, "the vault's counter");
            vm.assertLe(most, handler.claimable(account), "more than was ever claimable");
        }
    }

    /// The queue's hash, length and deadlines are those of the definition.
    function invariant_inbox_follows_its_definition() public view {
        uint256 length = handler.items();
        vm.assertEq(uint256(InboxCursor.unwrap(inbox.length())), length, "length");
        bytes32 head = length == 0 ? bytes32(0) : handler.itemHash(length - 1);
        vm.assertEq(inbox.headHash(), head, "head");
        for (uint64 i = 0; i < length; ++i) {
            uint256 due = TimeMs.unwrap(inbox.dueOf(InboxCursor.wrap(i)));
            vm.assertEq(due, handler.itemDueMs(i), "deadline");
            vm.assertTrue(
                inbox.hashMatches(InboxCursor.wrap(i + 1), handler.itemHash(i)), "hash at a cursor"
            );
        }
    }

    /// Roots stay what they were; the final ones are a prefix.
    function invariant_anchor_keeps_its_roots() public view {
        uint256 count = handler.batches();
        vm.assertEq(uint256(BatchIndex.unwrap(anchor.lastBatch())), count - 1, "batches");
        uint256 final_ = BatchIndex.unwrap(anchor.lastFinal());
        vm.assertLt(final_, count, "final ones are among the posted");
        for (uint64 i = 0; i < count; ++i) {
            Root kept = anchor.batch(BatchIndex.wrap(i)).stateRoot;
            vm.assertEq(Root.unwrap(kept), handler.roots(i), "root");
        }
    }

    /// A freeze is for good, closes the inbox, and stops posting.
    function invariant_frozen_means_frozen() public view {
        vm.assertEq(anchor.frozen(), handler.frozen(), "frozen");
        vm.assertEq(inbox.closed(), handler.frozen(), "closed");
        if (handler.frozen()) vm.assertEq(handler.batches(), handler.frozenAt(), "posts after");
    }

    /// The handler's moves all happen: a search that never claims would find nothing.
    function test_canary_the_handler_reaches_every_move() public {
        handler.deposit(1, 50 * USD);
        handler.forceWithdrawal(1, USD);
        handler.post(2, 1, 20 * USD);
        handler.wait(3600);
        handler.finalise(1);
        handler.claim(1, 1, stranger);
        handler.claim(1, 1, stranger);
        handler.claimWrongly(1, 1, 5, 1);
        handler.deposit(2, 10 * USD);
        handler.pause(0);
        handler.wait(6 * 3600);
        handler.wait(6 * 3600);
        handler.wait(6 * 3600);
        handler.wait(6 * 3600);
        handler.wait(3600);
        handler.freeze();
        handler.post(0, 1, 1);
        bytes32[8] memory moves = [
            bytes32("deposit"),
            "forceWithdrawal",
            "post",
            "finalise",
            "claim",
            "claim of nothing",
            "claim refused",
            "freeze"
        ];
        for (uint256 i = 0; i < moves.length; ++i) {
            vm.assertGe(handler.calls(moves[i]), 1, string(abi.encodePacked(moves[i])));
        }
        invariant_vault_holds_deposits_less_claims();
        invariant_each_owner_got_the_largest_amount_claimed();
        invariant_inbox_follows_its_definition();
        invariant_anchor_keeps_its_roots();
        invariant_frozen_means_frozen();
        vm.assertTrue(handler.frozen(), "the venue froze");
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RoleGated} from "../src/RoleGated.sol";
import {TIMELOCK} from "../src/Roles.sol";
import {IInbox, InboxParameters} from "../src/interfaces/IInbox.sol";
import {Items} from "../src/libraries/Items.sol";
import {AccountIndex} from "../src/types/AccountIndex.sol";
import {InboxCursor} from "../src/types/InboxCursor.sol";
import {TimeMs} from "../src/types/Time.sol";
import {SETTLEMENT_TOKEN, TokenId} from "../src/types/TokenId.sol";
import {Venue} from "./support/Venue.sol";

contract InboxTest is Venue {
    AccountIndex private constant ACCOUNT = AccountIndex.wrap(77);
    /// By kind: bytes of a body that only the timelock puts in (of zeros), 0 for the others.
    uint16[12] private _bodyBytes = [0, 0, 331, 36, 21, 18, 0, 4, 0, 427, 77, 18];

    function test_forced_withdrawal_names_its_sender_as_the_owner() public {
        bytes memory item =
            abi.encodePacked(uint8(8), uint8(0), uint32(77), alice, uint8(0), uint128(5 * USD));
        bytes32 hash = keccak256(abi.encodePacked(bytes32(0), keccak256(item)));
        TimeMs due = TimeMs.wrap(uint48(START * 1000) + SERVICE_DELAY_MS);
        vm.expectEmit(address(inbox));
        emit IInbox.ItemEnqueued(InboxCursor.wrap(0), hash, due, item);
        _force(alice, 5 * USD);
        vm.assertEq(inbox.headHash(), hash, "the hash");
        vm.assertEq(InboxCursor.unwrap(inbox.length()), 1, "the length");
        vm.assertEq(address(inbox).balance, BASE_FEE_WEI, "the fee is burnt: it stays");
    }

    function test_forced_withdrawal_needs_an_account_a_token_and_an_amount() public {
        uint256 fee = inbox.feeWei();
        vm.startPrank(alice);
        uint32[2] memory accounts = [0, uint32(1 << 28)];
        for (uint256 i = 0; i < 2; ++i) {
            AccountIndex wrong = AccountIndex.wrap(accounts[i]);
            vm.expectRevert(abi.encodeWithSelector(IInbox.UnknownAccountOrToken.selector, wrong, 0));
            inbox.forceWithdrawal{value: fee}(wrong, SETTLEMENT_TOKEN, USD);
        }
        vm.expectRevert(abi.encodeWithSelector(IInbox.UnknownAccountOrToken.selector, ACCOUNT, 4));
        inbox.forceWithdrawal{value: fee}(ACCOUNT, TokenId.wrap(4), USD);
        uint128[2] memory amounts = [0, Items.AMOUNT_MAX + 1];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IInbox.WithdrawalOutOfRange.selector, amounts[i])
            );
            inbox.forceWithdrawal{value: fee}(ACCOUNT, SETTLEMENT_TOKEN, amounts[i]);
        }
        inbox.forceWithdrawal{value: fee}(
            AccountIndex.wrap((1 << 28) - 1), TokenId.wrap(3), Items.AMOUNT_MAX
        );
    }

    function test_forced_withdrawal_costs_exactly_the_fee() public {
        uint256 fee = inbox.feeWei();
        vm.startPrank(alice);
        uint256[3] memory wrong = [0, fee - 1, fee + 1];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IInbox.WrongFee.selector, wrong[i], fee));
            inbox.forceWithdrawal{value: wrong[i]}(ACCOUNT, SETTLEMENT_TOKEN, USD);
        }
        inbox.forceWithdrawal{value: fee}(ACCOUNT, SETTLEMENT_TOKEN, USD);
    }

    /// No pause stops a way out.
    function test_forced_withdrawal_goes_in_while_everything_is_paused() public {
        vm.startPrank(guardian);
        vault.pauseDeposits();
        anchor.pausePosting();
        vm.stopPrank();
        _force(alice, USD);
        vm.assertEq(InboxCursor.unwrap(inbox.length()), 1, "the item went in");
    }

    function test_deadlines_are_the_service_delay_or_the_spacing_behind_the_last() public {
        uint48 first = uint48(START * 1000) + SERVICE_DELAY_MS;
        _force(alice, USD);
        _force(alice, USD);
        vm.assertEq(_due(0), first, "the first: 24 h");
        vm.assertEq(_due(1), first + SPACING_MS, "the second in the same block: 10 ms behind");
        vm.warp(START + 12);
        _force(alice, USD);
        vm.assertEq(_due(2), first + 12_000, "in a later block: 24 h");
        vm.expectRevert(abi.encodeWithSelector(IInbox.NoSuchItem.selector, 3, 3));
        inbox.dueOf(InboxCursor.wrap(3));
    }

    function test_item_is_overdue_after_its_deadline_not_at_it() public {
        _force(alice, USD);
        _force(alice, USD);
        vm.warp(START + 1 days);
        vm.assertFalse(inbox.isOverdue(InboxCursor.wrap(0)), "at the deadline");
        vm.warp(START + 1 days + 1);
        vm.assertTrue(inbox.isOverdue(InboxCursor.wrap(0)), "a second later");
        vm.assertTrue(inbox.isOverdue(InboxCursor.wrap(1)), "the second item too");
        vm.assertFalse(inbox.isOverdue(InboxCursor.wrap(2)), "an item that is not there");
    }

    function test_hash_matches_at_every_cursor_and_nothing_else_does() public {
        bytes32[] memory hashes = new bytes32[](4);
        for (uint128 i = 1; i < 4; ++i) {
            _force(alice, i * USD);
            hashes[i] = inbox.headHash();
        }
        for (uint64 cursor = 0; cursor < 4; ++cursor) {
            for (uint256 i = 0; i < 4; ++i) {
                vm.assertEq(
                    inbox.hashMatches(InboxCursor.wrap(cursor), hashes[i]), i == cursor, "hash"
                );
            }
            bytes32 flipped = hashes[cursor] ^ bytes32(uint256(1) << 255);
            vm.assertFalse(inbox.hashMatches(InboxCursor.wrap(cursor), flipped), "first bit");
            flipped = hashes[cursor] ^ bytes32(uint256(1) << 48);
            vm.assertFalse(inbox.hashMatches(InboxCursor.wrap(cursor), flipped), "byte 26");
        }
        vm.assertFalse(inbox.hashMatches(InboxCursor.wrap(4), hashes[3]), "beyond the queue");
    }

    /// The items of the corpus, through the functions that users and the timelock call, give the
    /// hash that merkat.spec gives.
    function test_items_and_hashes_are_those_of_the_specification() public {
        string memory corpus = vm.readFile("test/data/items.json");
        uint256 count = 0;
        while (vm.keyExistsJson(corpus, _key(count, ""))) {
            uint256 kind = vm.parseJsonUint(corpus, _key(count, ".kind"));
            bytes memory body = vm.parseJsonBytes(corpus, _key(count, ".body"));
            _enqueue(uint8(kind), body);
            vm.assertEq(
                inbox.headHash(),
                vm.parseJsonBytes32(corpus, _key(count, ".inbox_hash")),
                _key(count, "")
            );
            ++count;
        }
        vm.assertEq(count, 13, "items of the corpus");
    }

    function test_timelock_items_have_their_kinds_length() public {
        for (uint8 kind = 0; kind < _bodyBytes.length; ++kind) {
            uint256 length = _bodyBytes[kind];
            if (length == 0) continue;
            vm.startPrank(timelock);
            inbox.enqueueFromTimelock(kind, new bytes(length));
            for (uint256 wrong = length - 1; wrong < length + 2; wrong += 2) {
                vm.expectRevert(
                    abi.encodeWithSelector(IInbox.WrongBodyLength.selector, kind, wrong, length)
                );
                inbox.enqueueFromTimelock(kind, new bytes(wrong));
            }
            vm.stopPrank();
        }
        vm.assertEq(InboxCursor.unwrap(inbox.length()), 8, "eight kinds");
    }

    /// A risk set says how many scenarios follow; an item of more than 1,024 bytes would be one that
    /// no command can bring.
    function test_risk_set_has_the_length_that_its_count_says() public {
        vm.startPrank(timelock);
        for (uint16 count = 0; count < 256; count += 32) {
            bytes memory body = new bytes(427 + 9 * uint256(count));
            body[2] = bytes1(uint8(count));
            uint256 expected = count > 64 ? 427 + 9 * 64 : body.length;
            if (body.length != expected) {
                vm.expectRevert(
                    abi.encodeWithSelector(
                        IInbox.WrongBodyLength.selector, 9, body.length, expected
                    )
                );
            }
            inbox.enqueueFromTimelock(9, body);
        }
        vm.assertEq(InboxCursor.unwrap(inbox.length()), 3, "0, 32 and 64 scenarios");
        bytes memory cut = new bytes(427 + 9 * 63);
        cut[2] = bytes1(uint8(64));
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.WrongBodyLength.selector, 9, cut.length, 427 + 9 * 64)
        );
        inbox.enqueueFromTimelock(9, cut);
        vm.expectRevert(abi.encodeWithSelector(IInbox.WrongBodyLength.selector, 9, 2, 427));
        inbox.enqueueFromTimelock(9, new bytes(2));
    }

    /// Deposits, fund deposits and forced withdrawals have their own ways in.
    function testFuzz_timelock_puts_in_no_other_kinds(uint8 kind) public {
        bool known = kind < _bodyBytes.length && _bodyBytes[kind] != 0;
        if (!known) {
            vm.expectRevert(abi.encodeWithSelector(IInbox.NotTimelockItem.selector, kind));
        }
        vm.prank(timelock);
        inbox.enqueueFromTimelock(kind, new bytes(known ? _bodyBytes[kind] : 20));
    }

    function test_only_the_timelock_puts_in_rules() public {
        vm.expectRevert(abi.encodeWithSelector(RoleGated.MissingRole.selector, poster, TIMELOCK));
        vm.prank(poster);
        inbox.enqueueFromTimelock(7, new bytes(4));
    }

    function test_only_the_vault_puts_in_money() public {
        vm.startPrank(timelock);
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotVault.selector, timelock));
        inbox.enqueueDeposit(SETTLEMENT_TOKEN, alice, NEW_ACCOUNT, USD, BASE_FEE_WEI);
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotVault.selector, timelock));
        inbox.enqueueFundDeposit(0, USD);
        vm.stopPrank();
        vm.startPrank(address(vault));
        inbox.enqueueDeposit(SETTLEMENT_TOKEN, alice, NEW_ACCOUNT, USD, BASE_FEE_WEI);
        inbox.enqueueFundDeposit(0, USD);
    }

    function test_only_the_anchor_closes_and_then_nothing_goes_in() public {
        vm.expectRevert(abi.encodeWithSelector(IInbox.NotAnchor.selector, timelock));
        vm.prank(timelock);
        inbox.close();
        _force(alice, USD);
        vm.prank(address(anchor));
        vm.expectEmit(address(inbox));
        emit IInbox.InboxClosed(InboxCursor.wrap(1));
        inbox.close();
        vm.assertTrue(inbox.closed(), "closed");
        uint256 fee = inbox.feeWei();
        vm.expectRevert(IInbox.IsClosed.selector);
        vm.prank(alice);
        inbox.forceWithdrawal{value: fee}(ACCOUNT, SETTLEMENT_TOKEN, USD);
        vm.expectRevert(IInbox.IsClosed.selector);
        vm.prank(timelock);
        inbox.enqueueFromTimelock(7, new bytes(4));
    }

    /// Against a model of the whole queue: hashes, deadlines, length, at any times.
    function testFuzz_queue_follows_its_definition(uint16[12] memory waits) public {
        bytes32 hash = bytes32(0);
        uint256 due = 0;
        for (uint128 i = 0; i < waits.length; ++i) {
            vm.warp(block.timestamp + (waits[i] % 3 == 0 ? 0 : waits[i]));
            _force(bob, i + 1);
            bytes memory item =
                abi.encodePacked(uint8(8), uint8(0), uint32(77), bob, uint8(0), i + 1);
            hash = keccak256(abi.encodePacked(hash, keccak256(item)));
            uint256 unhurried = block.timestamp * 1000 + SERVICE_DELAY_MS;
            due = due + SPACING_MS > unhurried ? due + SPACING_MS : unhurried;
            vm.assertEq(inbox.headHash(), hash, "the hash");
            vm.assertEq(_due(uint64(i)), due, "the deadline");
        }
        vm.assertEq(InboxCursor.unwrap(inbox.length()), waits.length, "the length");
    }

    function _force(address from, uint128 amount) private {
        uint256 fee = inbox.feeWei();
        vm.prank(from);
        inbox.forceWithdrawal{value: fee}(ACCOUNT, SETTLEMENT_TOKEN, amount);
    }

    function _due(uint64 index) private view returns (uint256) {
        return TimeMs.unwrap(inbox.dueOf(InboxCursor.wrap(index)));
    }

    /// Put in an item of the corpus in the way that its kind has.
    function _enqueue(uint8 kind, bytes memory body) private {
        if (kind == Items.DEPOSIT) {
            uint256 fee = inbox.feeWei();
            vm.prank(address(vault));
            inbox.enqueueDeposit(
                TokenId.wrap(uint8(body[0])),
                address(uint160(_number(body, 1, 20))),
                AccountIndex.wrap(uint32(_number(body, 21, 4))),
                uint128(_number(body, 25, 16)),
                fee
            );
        } else if (kind == Items.FUND_DEPOSIT) {
            vm.prank(address(vault));
            inbox.enqueueFundDeposit(uint16(_number(body, 0, 2)), uint128(_number(body, 2, 16)));
        } else if (kind == Items.FORCED_WITHDRAWAL) {
            address owner = address(uint160(_number(body, 4, 20)));
            uint256 fee = inbox.feeWei();
            vm.deal(owner, fee);
            vm.prank(owner);
            inbox.forceWithdrawal{value: fee}(
                AccountIndex.wrap(uint32(_number(body, 0, 4))),
                TokenId.wrap(uint8(body[24])),
                uint128(_number(body, 25, 16))
            );
        } else {
            vm.prank(timelock);
            inbox.enqueueFromTimelock(kind, body);
        }
    }

    function _number(bytes memory data, uint256 start, uint256 length)
        private
        pure
        returns (uint256 value)
    {
        for (uint256 i = 0; i < length; ++i) {
            value = value << 8 | uint8(data[start + i]);
        }
    }

    function _key(uint256 position, string memory field) private pure returns (string memory) {
        return string.concat(".items[", vm.toString(position), "]", field);
    }
}

/// A queue whose items are due half an hour apart, so that two of them are an hour of backlog.
contract InboxFeeTest is Venue {
    function inboxParameters() internal pure override returns (InboxParameters memory) {
        return InboxParameters(SERVICE_DELAY_MS, 30 * 60_000, BASE_FEE_WEI);
    }

    function test_fee_doubles_with_each_hour_of_backlog() public {
        vm.deal(alice, type(uint128).max);
        for (uint256 i = 0; i < 20; ++i) {
            uint256 expected = BASE_FEE_WEI << (i / 2);
            vm.assertEq(inbox.feeWei(), expected, "fee");
            vm.prank(alice);
            inbox.forceWithdrawal{value: expected}(AccountIndex.wrap(1), SETTLEMENT_TOKEN, USD);
        }
        vm.warp(block.timestamp + 4 hours);
        vm.assertEq(inbox.feeWei(), BASE_FEE_WEI << 6, "four hours later: 2^4 less");
        vm.warp(block.timestamp + 10 hours);
        vm.assertEq(inbox.feeWei(), BASE_FEE_WEI, "once the backlog is gone");
    }

    function test_timelock_pays_no_fee_at_any_backlog() public {
        for (uint256 i = 0; i < 150; ++i) {
            vm.prank(timelock);
            inbox.enqueueFromTimelock(7, new bytes(4));
        }
        vm.assertEq(inbox.feeWei(), BASE_FEE_WEI << 64, "the fee grows to 2^64 times, no further");
    }
}

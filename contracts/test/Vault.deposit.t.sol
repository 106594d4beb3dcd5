// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {RoleGated} from "../src/RoleGated.sol";
import {TIMELOCK} from "../src/Roles.sol";
import {TestToken} from "../src/TestToken.sol";
import {IInbox} from "../src/interfaces/IInbox.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {Items} from "../src/libraries/Items.sol";
import {AccountIndex} from "../src/types/AccountIndex.sol";
import {BatchIndex} from "../src/types/BatchIndex.sol";
import {InboxCursor} from "../src/types/InboxCursor.sol";
import {TimeMs} from "../src/types/Time.sol";
import {SETTLEMENT_TOKEN, TokenId} from "../src/types/TokenId.sol";
import {Venue} from "./support/Venue.sol";

/// Money in: deposits, fund deposits, and the vault's few settings.
contract VaultDepositTest is Venue {
    function test_deposit_takes_the_money_and_puts_in_the_item() public {
        bytes memory item =
            abi.encodePacked(uint8(1), uint8(0), uint8(0), bob, uint32(7), uint128(5 * USD));
        bytes32 hash = keccak256(abi.encodePacked(bytes32(0), keccak256(item)));
        TimeMs due = TimeMs.wrap(uint48(START * 1000) + SERVICE_DELAY_MS);
        uint256 before = token.balanceOf(alice);
        uint256 fee = inbox.feeWei();
        vm.expectEmit(address(inbox));
        emit IInbox.ItemEnqueued(InboxCursor.wrap(0), hash, due, item);
        vm.expectEmit(address(vault));
        emit IVault.Deposited(InboxCursor.wrap(0), alice);
        vm.prank(alice);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 5 * USD, bob, AccountIndex.wrap(7));
        vm.assertEq(before - token.balanceOf(alice), 5 * USD, "alice's balance");
        vm.assertEq(token.balanceOf(address(vault)), 5 * USD, "the vault's balance");
        vm.assertEq(inbox.headHash(), hash, "the inbox's hash");
    }

    function test_token_without_a_spot_listing_is_refused() public {
        uint256 fee = inbox.feeWei();
        vm.startPrank(alice);
        for (uint8 number = 1; number < 6; ++number) {
            vm.expectRevert(
                abi.encodeWithSelector(IVault.NoSpotListing.selector, TokenId.wrap(number))
            );
            vault.deposit{value: fee}(TokenId.wrap(number), 5 * USD, alice, NEW_ACCOUNT);
        }
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 5 * USD, alice, NEW_ACCOUNT);
    }

    /// A coin of 18 decimals whose spot market has 8, in lots of a thousandth.
    function test_token_with_a_spot_listing_comes_in_as_base_units() public {
        (TestToken coin, TokenId number) = _coin(2, 1e5, 1e10);
        bytes memory item = abi.encodePacked(
            uint8(1), uint8(0), TokenId.unwrap(number), bob, uint32(7), uint128(25e7)
        );
        bytes32 hash = keccak256(abi.encodePacked(bytes32(0), keccak256(item)));
        uint256 fee = inbox.feeWei();
        vm.prank(alice);
        vault.deposit{value: fee}(number, 2.5e18, bob, AccountIndex.wrap(7));
        vm.assertEq(inbox.headHash(), hash, "the item carries base units");
        vm.assertEq(coin.balanceOf(address(vault)), 2.5e18, "the vault's balance of the coin");
        vm.assertEq(token.balanceOf(address(vault)), 0, "no cash moved");
    }

    function test_token_comes_in_by_whole_lots() public {
        (, TokenId number) = _coin(1, 1e5, 1e10);
        uint256 fee = inbox.feeWei();
        vm.startPrank(alice);
        uint128[4] memory wrong = [uint128(1), 1e15 - 1, 1e15 + 1, 1e15 + 1e10];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVault.NotWholeLots.selector, wrong[i], 1e15));
            vault.deposit{value: fee}(number, wrong[i], alice, NEW_ACCOUNT);
        }
        vm.expectRevert(
            abi.encodeWithSelector(IVault.AmountOutOfRange.selector, 0, 1, Items.AMOUNT_MAX)
        );
        vault.deposit{value: fee}(number, 0, alice, NEW_ACCOUNT);
        vault.deposit{value: fee}(number, 1e15, alice, NEW_ACCOUNT);
        vault.deposit{value: fee}(number, 7e15, alice, NEW_ACCOUNT);
    }

    /// The state machine takes at most 2^96 - 1 base units; the settlement token's minimum, which
    /// is in USD, does not hold for coins.
    function test_bounds_of_a_token_are_in_its_base_units() public {
        (TestToken coin, TokenId number) = _coin(1, 1, 2);
        coin.mint(alice, type(uint128).max);
        uint128 most = Items.AMOUNT_MAX;
        uint256 fee = inbox.feeWei();
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.AmountOutOfRange.selector, most + 1, 1, most));
        vault.deposit{value: fee}(number, (most + 1) * 2, alice, NEW_ACCOUNT);
        vault.deposit{value: fee}(number, most * 2, alice, NEW_ACCOUNT);
        vault.deposit{value: fee}(number, 2, alice, NEW_ACCOUNT);
    }

    function test_pause_stops_deposits_of_tokens_too() public {
        (, TokenId number) = _coin(3, 1, 1);
        vm.prank(guardian);
        vault.pauseDeposits();
        uint256 fee = inbox.feeWei();
        vm.expectRevert(IVault.DepositsArePaused.selector);
        vm.prank(alice);
        vault.deposit{value: fee}(number, 5, alice, NEW_ACCOUNT);
    }

    function testFuzz_what_comes_in_goes_out(uint96 lots, uint64 lot, uint64 scale) public {
        lot = uint64(bound(lot, 1, 1e9));
        scale = uint64(bound(scale, 1, 1e18));
        uint128 units = uint128(bound(lots, 1, Items.AMOUNT_MAX / lot)) * lot;
        if (units > type(uint128).max / scale) units = lot;
        (TestToken coin, TokenId number) = _coin(1, lot, scale);
        coin.mint(alice, uint256(units) * scale);
        uint256 before = coin.balanceOf(alice);
        uint256 fee = inbox.feeWei();
        vm.prank(alice);
        vault.deposit{value: fee}(number, units * scale, alice, NEW_ACCOUNT);
        ledger.setClaimable(1, 1, units);
        BatchIndex index = makeFinal(ledger.root());
        vm.assertEq(uint256(vault.claim(index, ledger.proof(1), number)), units, "base units");
        vm.assertEq(coin.balanceOf(alice), before, "every unit is back");
        vm.assertEq(coin.balanceOf(address(vault)), 0, "none is left");
    }

    function test_amount_is_from_the_minimum_to_2_to_the_96() public {
        TestToken(address(token)).mint(alice, type(uint128).max);
        uint128 least = MINIMUM_DEPOSIT;
        uint128 most = Items.AMOUNT_MAX;
        uint256 fee = inbox.feeWei();
        vm.startPrank(alice);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, least, alice, NEW_ACCOUNT);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, most, alice, NEW_ACCOUNT);
        uint128[4] memory wrong = [0, least - 1, most + 1, type(uint128).max];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IVault.AmountOutOfRange.selector, wrong[i], least, most)
            );
            vault.deposit{value: fee}(SETTLEMENT_TOKEN, wrong[i], alice, NEW_ACCOUNT);
        }
    }

    function test_zero_amount_is_refused_even_without_a_minimum() public {
        vm.prank(timelock);
        vault.setMinimumDeposit(0);
        deposit(alice, 1);
        uint256 fee = inbox.feeWei();
        vm.expectRevert(
            abi.encodeWithSelector(IVault.AmountOutOfRange.selector, 0, 0, Items.AMOUNT_MAX)
        );
        vm.prank(alice);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 0, alice, NEW_ACCOUNT);
    }

    function test_owner_zero_is_refused() public {
        uint256 fee = inbox.feeWei();
        vm.prank(alice);
        vm.expectRevert(IVault.ZeroOwner.selector);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 5 * USD, address(0), NEW_ACCOUNT);
    }

    function test_without_allowance_nothing_moves() public {
        vm.prank(alice);
        token.approve(address(vault), 5 * USD - 1);
        uint256 fee = inbox.feeWei();
        vm.expectRevert();
        vm.prank(alice);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 5 * USD, alice, NEW_ACCOUNT);
        vm.assertEq(InboxCursor.unwrap(inbox.length()), 0, "no item");
        vm.prank(alice);
        token.approve(address(vault), 5 * USD);
        deposit(alice, 5 * USD);
    }

    function test_fee_is_exact_and_stays_in_the_vault() public {
        uint256 fee = inbox.feeWei();
        vm.assertEq(fee, BASE_FEE_WEI, "the fee of an idle queue");
        vm.startPrank(alice);
        uint256[3] memory wrong = [0, fee - 1, fee + 1];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IInbox.WrongFee.selector, wrong[i], fee));
            vault.deposit{value: wrong[i]}(SETTLEMENT_TOKEN, 5 * USD, alice, NEW_ACCOUNT);
        }
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 5 * USD, alice, NEW_ACCOUNT);
        vm.assertEq(address(vault).balance, fee, "burnt: it stays");
    }

    function test_ether_without_a_deposit_is_refused() public {
        (bool ok,) = address(vault).call{value: 1}("");
        vm.assertFalse(ok, "the vault took ether");
        (ok,) = address(inbox).call{value: 1}("");
        vm.assertFalse(ok, "the inbox took ether");
    }

    function test_pause_stops_deposits_and_resume_lets_them_go_on() public {
        vm.prank(guardian);
        vm.expectEmit(address(vault));
        emit IVault.DepositsPaused(true);
        vault.pauseDeposits();
        vm.assertTrue(vault.depositsPaused(), "paused");
        uint256 fee = inbox.feeWei();
        vm.expectRevert(IVault.DepositsArePaused.selector);
        vm.prank(alice);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 5 * USD, alice, NEW_ACCOUNT);
        vm.prank(guardian);
        vault.resumeDeposits();
        deposit(alice, 5 * USD);
    }

    function test_deposit_after_a_freeze_is_refused() public {
        deposit(alice, 5 * USD);
        vm.warp(block.timestamp + 1 days + 1);
        anchor.freeze();
        uint256 fee = inbox.feeWei();
        uint256 before = token.balanceOf(alice);
        vm.expectRevert(IInbox.IsClosed.selector);
        vm.prank(alice);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 5 * USD, alice, NEW_ACCOUNT);
        vm.assertEq(token.balanceOf(alice), before, "the money is still hers");
    }

    function test_fund_deposit_is_the_timelocks_with_its_own_money() public {
        TestToken(address(token)).mint(timelock, 9 * USD);
        vm.startPrank(timelock);
        token.approve(address(vault), 9 * USD);
        bytes memory item = abi.encodePacked(uint8(6), uint8(1), uint16(3), uint128(9 * USD));
        vault.depositToFund(3, 9 * USD);
        vm.stopPrank();
        bytes32 hash = keccak256(abi.encodePacked(bytes32(0), keccak256(item)));
        vm.assertEq(inbox.headHash(), hash, "the item");
        vm.assertEq(token.balanceOf(address(vault)), 9 * USD, "the vault's balance");
        vm.expectRevert(abi.encodeWithSelector(RoleGated.MissingRole.selector, alice, TIMELOCK));
        vm.prank(alice);
        vault.depositToFund(3, 1);
        vm.expectRevert();
        vm.prank(timelock);
        vault.depositToFund(3, 1); // it has no more money
    }

    function test_fund_deposit_of_nothing_or_too_much_is_refused() public {
        uint128[2] memory wrong = [0, Items.AMOUNT_MAX + 1];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IVault.AmountOutOfRange.selector, wrong[i], 1, Items.AMOUNT_MAX
                )
            );
            vm.prank(timelock);
            vault.depositToFund(3, wrong[i]);
        }
    }

    function test_token_gets_a_number_once() public {
        TestToken first = new TestToken("First", "ONE", 18);
        TestToken second = new TestToken("Second", "TWO", 8);
        vm.startPrank(timelock);
        vm.expectEmit(address(vault));
        emit IVault.TokenRegistered(TokenId.wrap(2), first, 1000, 1e10);
        vault.registerToken(TokenId.wrap(2), first, 1000, 1e10);
        (uint128 lot, uint128 scale) = vault.unitsOf(TokenId.wrap(2));
        vm.assertEq(uint256(lot), 1000, "lot");
        vm.assertEq(uint256(scale), 1e10, "scale");
        vm.assertEq(address(vault.tokenOf(TokenId.wrap(2))), address(first), "number 2");
        _expectCannotRegister(TokenId.wrap(2), second); // the number is taken
        _expectCannotRegister(TokenId.wrap(0), second); // so is the settlement token's
        _expectCannotRegister(TokenId.wrap(3), first); // the token has a number
        _expectCannotRegister(TokenId.wrap(3), token); // so has the settlement token
        _expectCannotRegister(TokenId.wrap(4), second); // a leaf has room for four
        _expectCannotRegister(TokenId.wrap(3), IERC20(address(0xdead))); // no contract
        vault.registerToken(TokenId.wrap(3), second, 1, 1);
    }

    function test_token_is_registered_with_a_lot_and_a_scale() public {
        TestToken other = new TestToken("Other", "OTH", 18);
        uint128[2][4] memory wrong =
            [[uint128(0), 1], [uint128(1), 0], [Items.AMOUNT_MAX + 1, 1], [uint128(1), 1e18 + 1]];
        vm.startPrank(timelock);
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IVault.BadUnits.selector, wrong[i][0], wrong[i][1])
            );
            vault.registerToken(TokenId.wrap(1), other, wrong[i][0], wrong[i][1]);
        }
        vault.registerToken(TokenId.wrap(1), other, Items.AMOUNT_MAX, 1e18);
        (uint128 lot, uint128 scale) = vault.unitsOf(SETTLEMENT_TOKEN);
        vm.assertEq(lot == 1 && scale == 1, true, "the settlement token's are 1 and 1");
    }

    function test_minimum_deposit_is_changed_by_the_timelock() public {
        vm.prank(timelock);
        vm.expectEmit(address(vault));
        emit IVault.MinimumDepositSet(7 * USD);
        vault.setMinimumDeposit(7 * USD);
        deposit(alice, 7 * USD);
        uint256 fee = inbox.feeWei();
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.AmountOutOfRange.selector, 7 * USD - 1, 7 * USD, Items.AMOUNT_MAX
            )
        );
        vm.prank(alice);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 7 * USD - 1, alice, NEW_ACCOUNT);
    }

    function testFuzz_deposits_add_up(uint96[5] memory amounts) public {
        TestToken(address(token)).mint(alice, type(uint128).max);
        uint256 total = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            uint128 amount = uint128(bound(amounts[i], MINIMUM_DEPOSIT, Items.AMOUNT_MAX));
            deposit(alice, amount);
            total += amount;
            vm.assertEq(token.balanceOf(address(vault)), total, "the vault's balance");
            vm.assertEq(InboxCursor.unwrap(inbox.length()), i + 1, "items");
        }
    }

    function _expectCannotRegister(TokenId number, IERC20 other) private {
        vm.expectRevert(
            abi.encodeWithSelector(IVault.CannotRegister.selector, number, address(other))
        );
        vault.registerToken(number, other, 1, 1);
    }

    /// A coin with a number, and plenty of it for alice.
    function _coin(uint8 number, uint128 lot, uint128 scale)
        private
        returns (TestToken coin, TokenId id)
    {
        coin = new TestToken("Coin", "COIN", 18);
        id = TokenId.wrap(number);
        vm.prank(timelock);
        vault.registerToken(id, coin, lot, scale);
        coin.mint(alice, 1000e18);
        vm.prank(alice);
        coin.approve(address(vault), type(uint256).max);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {TestToken} from "../src/TestToken.sol";
import {Vault} from "../src/Vault.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {AccountProof} from "../src/libraries/StateRoot.sol";
import {AccountIndex} from "../src/types/AccountIndex.sol";
import {BatchIndex} from "../src/types/BatchIndex.sol";
import {InboxCursor} from "../src/types/InboxCursor.sol";
import {SETTLEMENT_TOKEN, TokenId} from "../src/types/TokenId.sol";
import {Venue} from "./support/Venue.sol";
import {BlacklistToken} from "./tokens/BlacklistToken.sol";
import {FalseToken} from "./tokens/FalseToken.sol";
import {FeeToken} from "./tokens/FeeToken.sol";
import {LyingToken} from "./tokens/LyingToken.sol";
import {RebasingToken} from "./tokens/RebasingToken.sol";
import {ReentrantToken} from "./tokens/ReentrantToken.sol";
import {SilentToken} from "./tokens/SilentToken.sol";

/// A venue on each odd token: refused at deposit, or harmless to everyone else.
contract HostileTokensTest is Venue {
    function test_token_with_a_fee_is_refused_at_deposit() public {
        _useToken(address(new FeeToken()));
        _expectRefused(
            abi.encodeWithSelector(IVault.TransferIsNotExact.selector, 99 * USD / 10, 10 * USD)
        );
    }

    function test_token_that_returns_false_is_refused_at_deposit() public {
        FalseToken odd = new FalseToken();
        _useToken(address(odd));
        odd.refuse(true);
        _expectRefused(
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(odd))
        );
        odd.refuse(false);
        deposit(alice, 10 * USD);
        vm.assertEq(odd.balanceOf(address(vault)), 10 * USD, "once it transfers");
    }

    function test_claim_of_a_token_that_returns_false_stays_open() public {
        FalseToken odd = new FalseToken();
        _useToken(address(odd));
        BatchIndex index = _depositAndMakeClaimable();
        AccountProof memory proof = ledger.proof(1);
        odd.refuse(true);
        vm.expectRevert(
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(odd))
        );
        vault.claim(index, proof, SETTLEMENT_TOKEN);
        vm.assertEq(vault.paid(AccountIndex.wrap(1), SETTLEMENT_TOKEN), 0, "not counted as paid");
        odd.refuse(false);
        vm.assertEq(claim(index, 1), 4 * USD, "once it transfers");
    }

    function test_token_that_lies_is_refused_at_deposit() public {
        _useToken(address(new LyingToken()));
        _expectRefused(abi.encodeWithSelector(IVault.TransferIsNotExact.selector, 0, 10 * USD));
    }

    function test_token_that_returns_nothing_works() public {
        _useToken(address(new SilentToken()));
        BatchIndex index = _depositAndMakeClaimable();
        vm.assertEq(claim(index, 1), 4 * USD, "amount");
        vm.assertEq(token.balanceOf(address(vault)), 16 * USD, "the vault's balance");
    }

    function test_blacklisted_owner_blocks_nobody_else() public {
        BlacklistToken odd = new BlacklistToken();
        _useToken(address(odd));
        ledger.setClaimable(2, 0, 3 * USD);
        BatchIndex index = _depositAndMakeClaimable();
        AccountProof memory proof = ledger.proof(1);
        odd.setBlacklisted(alice, true);
        vm.expectRevert(abi.encodeWithSelector(BlacklistToken.Blacklisted.selector, alice));
        vault.claim(index, proof, SETTLEMENT_TOKEN);
        vm.assertEq(claim(index, 2), 3 * USD, "bob");
        odd.setBlacklisted(alice, false);
        vm.assertEq(claim(index, 1), 4 * USD, "alice, once she is off the list");
    }

    function test_token_that_claims_again_inside_a_claim_is_paid_once() public {
        ReentrantToken odd = new ReentrantToken();
        _useToken(address(odd));
        BatchIndex index = _depositAndMakeClaimable();
        odd.arm(
            address(vault), abi.encodeCall(vault.claim, (index, ledger.proof(1), SETTLEMENT_TOKEN))
        );
        uint256 before = odd.balanceOf(alice);
        vm.assertEq(claim(index, 1), 4 * USD, "the outer claim");
        vm.assertEq(odd.balanceOf(alice) - before, 4 * USD, "paid once");
        _expectInnerCallRefused(odd);
    }

    function test_token_that_claims_inside_a_deposit_is_refused() public {
        ReentrantToken odd = new ReentrantToken();
        _useToken(address(odd));
        BatchIndex index = _depositAndMakeClaimable();
        odd.arm(
            address(vault), abi.encodeCall(vault.claim, (index, ledger.proof(1), SETTLEMENT_TOKEN))
        );
        deposit(bob, 10 * USD);
        _expectInnerCallRefused(odd);
        vm.assertEq(odd.balanceOf(address(vault)), 30 * USD, "three deposits, no claim");
    }

    function test_token_that_deposits_inside_a_deposit_counts_nothing_twice() public {
        ReentrantToken odd = new ReentrantToken();
        _useToken(address(odd));
        odd.arm(
            address(vault),
            abi.encodeCall(vault.deposit, (SETTLEMENT_TOKEN, USD, alice, NEW_ACCOUNT))
        );
        deposit(alice, 10 * USD);
        _expectInnerCallRefused(odd);
        vm.assertEq(InboxCursor.unwrap(inbox.length()), 1, "one deposit");
        vm.assertEq(odd.balanceOf(address(vault)), 10 * USD, "its amount");
    }

    /// A token that takes units out of the vault harms the last who claim, as documented.
    function test_token_that_rebases_downwards_pays_until_it_is_empty() public {
        RebasingToken odd = new RebasingToken();
        _useToken(address(odd));
        ledger.setClaimable(2, 0, 10 * USD);
        BatchIndex index = _depositAndMakeClaimable();
        odd.rebase(address(vault), 15 * USD);
        vm.assertEq(claim(index, 1), 4 * USD, "the first claim");
        AccountProof memory proof = ledger.proof(2);
        vm.expectRevert();
        vault.claim(index, proof, SETTLEMENT_TOKEN);
        odd.mint(address(vault), 15 * USD);
        vm.assertEq(claim(index, 2), 10 * USD, "once it is there again");
    }

    function test_settlement_token_has_six_decimals() public {
        for (uint8 decimals = 0; decimals < 19; ++decimals) {
            TestToken odd = new TestToken("Odd", "ODD", decimals);
            if (decimals != 6) {
                vm.expectRevert(abi.encodeWithSelector(IVault.WrongDecimals.selector, decimals, 6));
            }
            new Vault(roles, inbox, anchor, odd, MINIMUM_DEPOSIT);
        }
    }

    /// A claim is in base units; the token moves as many of its own units as they are.
    function testFuzz_other_tokens_pay_base_units_whatever_their_decimals(
        uint8 choice,
        uint128 amount
    ) public {
        uint8 decimals = [6, 8, 18][choice % 3];
        uint128 scale = uint128(10 ** (decimals - 6));
        TestToken other = new TestToken("Other", "OTH", decimals);
        TokenId number = TokenId.wrap(1 + choice % 3);
        vm.prank(timelock);
        vault.registerToken(number, other, 1, scale);
        uint256 moved = uint256(amount) * scale;
        other.mint(address(vault), moved);
        ledger.setClaimable(1, TokenId.unwrap(number), amount);
        BatchIndex index = makeFinal(ledger.root());
        vm.assertEq(uint256(vault.claim(index, ledger.proof(1), number)), amount, "base units");
        vm.assertEq(other.balanceOf(alice), moved, "the owner's balance");
        vm.assertEq(uint256(vault.paid(AccountIndex.wrap(1), number)), amount, "the counter");
        vm.assertEq(uint256(vault.claim(index, ledger.proof(1), number)), 0, "second claim");
    }

    /// A token beside the settlement token is held to the same: exactly what was asked for arrives.
    function test_other_token_with_a_fee_is_refused_at_deposit() public {
        FeeToken odd = new FeeToken();
        TokenId number = TokenId.wrap(1);
        vm.prank(timelock);
        vault.registerToken(number, odd, 10, 1);
        odd.mint(alice, 1000);
        uint256 fee = inbox.feeWei();
        vm.startPrank(alice);
        odd.approve(address(vault), 1000);
        vm.expectRevert(abi.encodeWithSelector(IVault.TransferIsNotExact.selector, 990, 1000));
        vault.deposit{value: fee}(number, 1000, alice, NEW_ACCOUNT);
    }

    /// Redeploy the venue on another settlement token, with money for alice and bob.
    function _useToken(address odd) private {
        token = IERC20Metadata(odd);
        deploy(ledger.root());
        for (uint256 i = 0; i < 2; ++i) {
            address user = i == 0 ? alice : bob;
            TestToken(odd).mint(user, 1000 * USD);
            vm.prank(user);
            TestToken(odd).approve(address(vault), type(uint256).max);
        }
    }

    /// Alice and bob each deposit 10; 4 become claimable for alice.
    function _depositAndMakeClaimable() private returns (BatchIndex) {
        deposit(alice, 10 * USD);
        deposit(bob, 10 * USD);
        ledger.setClaimable(1, 0, 4 * USD);
        return makeFinal(ledger.root());
    }

    function _expectRefused(bytes memory reason) private {
        uint256 fee = inbox.feeWei();
        vm.expectRevert(reason);
        vm.prank(alice);
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, 10 * USD, alice, NEW_ACCOUNT);
        vm.assertEq(InboxCursor.unwrap(inbox.length()), 0, "no item was put in");
    }

    function _expectInnerCallRefused(ReentrantToken odd) private view {
        vm.assertFalse(odd.succeeded(), "the inner call went through");
        bytes4 reason = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        vm.assertEq(bytes32(odd.result()), bytes32(reason), "why it was refused");
    }
}

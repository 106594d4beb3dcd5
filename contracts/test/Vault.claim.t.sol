// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../src/TestToken.sol";
import {IAnchor} from "../src/interfaces/IAnchor.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {AccountProof} from "../src/libraries/StateRoot.sol";
import {AccountIndex} from "../src/types/AccountIndex.sol";
import {BatchIndex} from "../src/types/BatchIndex.sol";
import {Root} from "../src/types/Root.sol";
import {SETTLEMENT_TOKEN, TokenId} from "../src/types/TokenId.sol";
import {Corpus} from "./support/Corpus.sol";
import {Venue} from "./support/Venue.sol";

/// Claims against final roots: each refusal beside the claim that is paid.
contract VaultClaimTest is Venue, Corpus {
    BatchIndex private final_;

    function setUp() public override {
        super.setUp();
        deposit(alice, 100 * USD);
        ledger.setClaimable(1, 0, 40 * USD);
        final_ = makeFinal(ledger.root());
    }

    function test_pays_what_is_claimable_to_the_owner_whoever_sends_it() public {
        uint256 before = token.balanceOf(alice);
        vm.expectEmit(address(vault));
        emit IVault.Claimed(
            AccountIndex.wrap(1), SETTLEMENT_TOKEN, alice, 40 * USD, 40 * USD, final_
        );
        vm.prank(stranger);
        vm.assertEq(claim(final_, 1), 40 * USD, "amount");
        vm.assertEq(token.balanceOf(alice) - before, 40 * USD, "the owner's balance");
        vm.assertEq(token.balanceOf(stranger), 0, "the sender's balance");
        vm.assertEq(token.balanceOf(address(vault)), 60 * USD, "the vault's balance");
        vm.assertEq(vault.paid(AccountIndex.wrap(1), SETTLEMENT_TOKEN), 40 * USD, "counter");
    }

    function test_second_claim_pays_zero() public {
        claim(final_, 1);
        uint256 before = token.balanceOf(alice);
        vm.assertEq(claim(final_, 1), 0, "the same proof again");
        vm.assertEq(token.balanceOf(alice), before, "nothing moved");
    }

    function test_later_root_pays_the_difference_and_an_older_one_nothing() public {
        AccountProof memory older = ledger.proof(1);
        claim(final_, 1);
        ledger.setClaimable(1, 0, 55 * USD);
        BatchIndex later = makeFinal(ledger.root());
        vm.assertEq(claim(later, 1), 15 * USD, "the difference");
        vm.assertEq(vault.claim(final_, older, SETTLEMENT_TOKEN), 0, "the older root");
    }

    function test_older_final_root_is_good_as_long_as_it_pays() public {
        AccountProof memory older = ledger.proof(1);
        ledger.setClaimable(1, 0, 55 * USD);
        BatchIndex later = makeFinal(ledger.root());
        vm.assertEq(vault.claim(final_, older, SETTLEMENT_TOKEN), 40 * USD, "older first");
        vm.assertEq(claim(later, 1), 15 * USD, "then the rest");
    }

    function test_nothing_claimable_pays_zero() public {
        vm.assertEq(claim(final_, 2), 0, "bob has claimed nothing");
    }

    function test_batch_in_its_window_is_refused() public {
        ledger.setClaimable(1, 0, 50 * USD);
        BatchIndex pending = final_.next();
        post(header(ledger.root()));
        AccountProof memory proof = ledger.proof(1);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotFinal.selector, pending, final_));
        vault.claim(pending, proof, SETTLEMENT_TOKEN);
        vm.warp(block.timestamp + WINDOW_SECONDS);
        anchor.finalise(pending);
        vm.assertEq(vault.claim(pending, proof, SETTLEMENT_TOKEN), 50 * USD, "after the window");
    }

    function test_batch_that_nobody_posted_is_refused() public {
        AccountProof memory proof = ledger.proof(1);
        BatchIndex never = BatchIndex.wrap(1000);
        vm.expectRevert(abi.encodeWithSelector(IAnchor.NotFinal.selector, never, final_));
        vault.claim(never, proof, SETTLEMENT_TOKEN);
        vm.assertEq(vault.claim(final_, proof, SETTLEMENT_TOKEN), 40 * USD, "the one posted");
    }

    function test_proof_against_a_foreign_root_is_refused() public {
        AccountProof memory mine = ledger.proof(1);
        ledger.setClaimable(1, 0, 99 * USD); // a state that was never posted
        AccountProof memory foreign = ledger.proof(1);
        Root expected = anchor.finalRoot(final_);
        vm.expectRevert(
            abi.encodeWithSelector(IVault.RootDiffers.selector, ledger.root(), expected)
        );
        vault.claim(final_, foreign, SETTLEMENT_TOKEN);
        vm.assertEq(vault.claim(final_, mine, SETTLEMENT_TOKEN), 40 * USD, "the posted state");
    }

    function test_wrong_sibling_is_refused() public {
        AccountProof memory proof = ledger.proof(1);
        proof.siblings[27] = bytes32(uint256(1));
        vm.expectRevert();
        vault.claim(final_, proof, SETTLEMENT_TOKEN);
        proof.siblings[27] = bytes32(0);
        vm.assertEq(vault.claim(final_, proof, SETTLEMENT_TOKEN), 40 * USD, "the right one");
    }

    /// The same leaf under the index of another account would be paid from a counter of its own.
    function test_another_account_index_is_refused() public {
        AccountProof memory proof = ledger.proof(1);
        for (uint32 other = 2; other < 8; ++other) {
            proof.account = AccountIndex.wrap(other);
            vm.expectRevert();
            vault.claim(final_, proof, SETTLEMENT_TOKEN);
        }
        proof.account = AccountIndex.wrap(1);
        vm.assertEq(vault.claim(final_, proof, SETTLEMENT_TOKEN), 40 * USD, "its own");
    }

    /// Bits above the depth of the tree do not steer the path: such an index is an alias.
    function test_alias_of_an_account_index_is_refused() public {
        AccountProof memory proof = ledger.proof(1);
        for (uint256 bit = 28; bit < 32; ++bit) {
            AccountIndex alias_ = AccountIndex.wrap(uint32(1 | 1 << bit));
            proof.account = alias_;
            vm.expectRevert(abi.encodeWithSelector(IVault.UnknownAccount.selector, alias_));
            vault.claim(final_, proof, SETTLEMENT_TOKEN);
        }
        proof.account = AccountIndex.wrap(0);
        vm.expectRevert(abi.encodeWithSelector(IVault.UnknownAccount.selector, 0));
        vault.claim(final_, proof, SETTLEMENT_TOKEN);
    }

    /// A node of the tree, spelled as a leaf: its two children as words. The byte 0x00 before a
    /// leaf's words, and their number, keep the two apart.
    function test_node_given_as_a_leaf_is_refused() public {
        AccountProof memory honest = ledger.proof(1);
        AccountProof memory proof = ledger.proof(1);
        bytes32 leaf = keccak256(abi.encodePacked(bytes1(0), honest.words));
        proof.words[0] = bytes32(0);
        for (uint256 word = 1; word < 9; ++word) {
            proof.words[word] = bytes32(0);
        }
        proof.words[7] = honest.siblings[0];
        proof.words[8] = leaf;
        for (uint256 height = 0; height < 27; ++height) {
            proof.siblings[height] = honest.siblings[height + 1];
        }
        proof.siblings[27] = bytes32(0);
        vm.expectRevert();
        vault.claim(final_, proof, SETTLEMENT_TOKEN);
        vm.assertEq(vault.claim(final_, honest, SETTLEMENT_TOKEN), 40 * USD, "the leaf itself");
    }

    function test_absent_leaf_is_refused() public {
        AccountProof memory proof = ledger.proof(5); // nobody's: all words are zero
        vm.expectRevert();
        vault.claim(final_, proof, SETTLEMENT_TOKEN);
    }

    function test_leaf_without_owner_is_refused() public {
        // merkat.spec never makes such a leaf; a state that has one must not burn the money.
        LedgerWithoutOwner odd = new LedgerWithoutOwner();
        BatchIndex index = makeFinal(odd.root());
        AccountProof memory proof = odd.proof();
        vm.expectRevert(abi.encodeWithSelector(IVault.LeafWithoutOwner.selector, proof.account));
        vault.claim(index, proof, SETTLEMENT_TOKEN);
    }

    function test_token_without_a_number_is_refused() public {
        AccountProof memory proof = ledger.proof(1);
        for (uint8 number = 1; number < 6; ++number) {
            TokenId unknown = TokenId.wrap(number);
            vm.expectRevert(abi.encodeWithSelector(IVault.UnknownToken.selector, unknown));
            vault.claim(final_, proof, unknown);
        }
        vm.assertEq(vault.claim(final_, proof, SETTLEMENT_TOKEN), 40 * USD, "token 0");
    }

    /// Every account of a state that merkat.spec made, in a vault that holds enough.
    function test_every_account_of_the_corpus_is_paid_exactly() public {
        Root root = stateRoot("many");
        BatchIndex index = makeFinal(root);
        TestToken(address(token)).mint(address(vault), 2 * uint256(type(uint128).max));
        uint256 count = accountCount("many");
        vm.assertEq(count, 40, "accounts");
        for (uint256 i = 0; i < count; ++i) {
            uint256 expected = claimableOf("many", i, 0);
            address owner = ownerOf("many", i);
            uint256 before = token.balanceOf(owner);
            vm.assertEq(
                uint256(vault.claim(index, proofOf("many", i), SETTLEMENT_TOKEN)),
                expected,
                accountKey("many", i, "")
            );
            vm.assertEq(token.balanceOf(owner) - before, expected, "the owner's balance");
        }
    }

    function test_claims_go_on_while_everything_is_paused() public {
        vm.startPrank(guardian);
        vault.pauseDeposits();
        anchor.pausePosting();
        vm.stopPrank();
        vm.assertEq(claim(final_, 1), 40 * USD, "paused");
    }

    function test_claims_go_on_after_a_freeze() public {
        deposit(bob, 5 * USD);
        vm.warp(block.timestamp + 1 days + 1);
        anchor.freeze();
        vm.assertEq(claim(final_, 1), 40 * USD, "frozen");
    }

    /// Any sequence of claimable amounts, claimed or not at each step, pays the largest once.
    function testFuzz_never_pays_more_than_claimable(uint64[6] memory amounts, uint8 claims)
        public
    {
        TestToken(address(token)).mint(address(vault), type(uint128).max);
        uint256 before = token.balanceOf(alice);
        uint256 largest = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            ledger.setClaimable(1, 0, amounts[i]);
            ledger.touch();
            BatchIndex index = makeFinal(ledger.root());
            if (claims & (1 << i) != 0) {
                claim(index, 1);
                if (amounts[i] > largest) largest = amounts[i];
            }
            vm.assertEq(token.balanceOf(alice) - before, largest, "paid in total");
        }
    }
}

/// A state whose only account has money and no owner.
contract LedgerWithoutOwner {
    function proof() public pure returns (AccountProof memory made) {
        made.account = AccountIndex.wrap(4);
        made.words[4] = bytes32(uint256(7));
    }

    function root() external pure returns (Root) {
        AccountProof memory made = proof();
        bytes32 node = keccak256(abi.encodePacked(bytes1(0), made.words));
        for (uint256 height = 0; height < 28; ++height) {
            node = (4 >> height) & 1 == 0
                ? keccak256(abi.encodePacked(node, bytes32(0)))
                : keccak256(abi.encodePacked(bytes32(0), node));
        }
        return Root.wrap(keccak256(abi.encodePacked(node, made.otherRoots)));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountLeaf} from "../../src/libraries/AccountLeaf.sol";
import {AccountProof, StateRoot} from "../../src/libraries/StateRoot.sol";
import {AccountIndex} from "../../src/types/AccountIndex.sol";
import {Root} from "../../src/types/Root.sol";
import {TokenId} from "../../src/types/TokenId.sol";
import {Corpus} from "../support/Corpus.sol";
import {Ledger} from "../support/Ledger.sol";

/// The libraries take calldata: this hands it to them.
contract Reader {
    function rootOf(AccountProof calldata proof) external pure returns (Root) {
        return StateRoot.rootOf(proof);
    }

    function leafHash(bytes32[9] calldata words) external pure returns (bytes32) {
        return AccountLeaf.hash(words);
    }

    function owner(bytes32[9] calldata words) external pure returns (address) {
        return AccountLeaf.owner(words);
    }

    function claimable(bytes32[9] calldata words, TokenId token) external pure returns (uint128) {
        return AccountLeaf.claimable(words, token);
    }
}

contract StateRootTest is Corpus {
    Reader private reader = new Reader();
    AccountProof private honest = proofOf("edges", 3);
    Root private honestRoot = stateRoot("edges");

    function test_every_proof_of_the_corpus_gives_its_root() public view {
        string[4] memory names = stateNames();
        uint256 proofs = 0;
        for (uint256 i = 0; i < names.length; ++i) {
            Root expected = stateRoot(names[i]);
            uint256 count = accountCount(names[i]);
            for (uint256 j = 0; j < count; ++j) {
                Root computed = reader.rootOf(proofOf(names[i], j));
                vm.assertEq(
                    Root.unwrap(computed), Root.unwrap(expected), accountKey(names[i], j, "")
                );
                ++proofs;
            }
        }
        vm.assertEq(proofs, 52, "the corpus has 52 proofs");
    }

    function test_every_leaf_of_the_corpus_is_read_as_it_was_written() public view {
        string[4] memory names = stateNames();
        for (uint256 i = 0; i < names.length; ++i) {
            for (uint256 j = 0; j < accountCount(names[i]); ++j) {
                string memory where = accountKey(names[i], j, "");
                bytes32[9] memory words = proofOf(names[i], j).words;
                bytes32 leaf = vm.parseJsonBytes32(leaves, accountKey(names[i], j, ".leaf"));
                vm.assertEq(reader.leafHash(words), leaf, where);
                vm.assertEq(reader.owner(words), ownerOf(names[i], j), where);
                for (uint8 token = 0; token < 4; ++token) {
                    vm.assertEq(
                        uint256(reader.claimable(words, TokenId.wrap(token))),
                        claimableOf(names[i], j, token),
                        where
                    );
                }
            }
        }
    }

    function test_the_ledger_of_the_other_suites_agrees_with_the_libraries() public {
        Ledger ledger = new Ledger();
        ledger.setOwner(1, address(0xA11CE));
        ledger.setOwner(6, address(0xB0B));
        ledger.setClaimable(6, 0, 5);
        Root expected = ledger.root();
        vm.assertEq(Root.unwrap(reader.rootOf(ledger.proof(1))), Root.unwrap(expected), "1");
        vm.assertEq(Root.unwrap(reader.rootOf(ledger.proof(6))), Root.unwrap(expected), "6");
    }

    /// Any changed bit of a proof changes the root; the unchanged proof gives it.
    function testFuzz_a_flipped_bit_changes_the_root(uint256 word, uint8 bit) public view {
        AccountProof memory proof = honest;
        Root expected = honestRoot;
        vm.assertTrue(reader.rootOf(proof) == expected, "the proof itself");
        word = bound(word, 0, 42);
        bytes32 flip = bytes32(uint256(1) << bit);
        if (word < 9) {
            proof.words[word] ^= flip;
        } else if (word < 37) {
            proof.siblings[word - 9] ^= flip;
        } else if (word < 42) {
            proof.otherRoots[word - 37] ^= flip;
        } else {
            proof.account =
                AccountIndex.wrap(AccountIndex.unwrap(proof.account) ^ uint32(1 << (bit % 28)));
        }
        vm.assertFalse(reader.rootOf(proof) == expected, "one bit was flipped");
    }

    function test_an_owner_word_with_more_than_24_bytes_is_refused() public {
        bytes32[9] memory words = proofOf("few", 0).words;
        uint256 value = uint256(words[0]);
        vm.assertEq(reader.owner(words), ownerOf("few", 0), "the word as it was written");
        words[0] = bytes32(value | 1 << 192);
        vm.expectRevert(
            abi.encodeWithSelector(AccountLeaf.WordOutOfRange.selector, 0, uint256(words[0]))
        );
        reader.owner(words);
    }

    function test_a_claimable_word_with_more_than_16_bytes_is_refused() public {
        bytes32[9] memory words = proofOf("few", 1).words;
        vm.assertEq(
            uint256(reader.claimable(words, TokenId.wrap(3))), type(uint128).max, "the largest"
        );
        words[7] = bytes32(uint256(1 << 128));
        vm.expectRevert(
            abi.encodeWithSelector(AccountLeaf.WordOutOfRange.selector, 7, uint256(1 << 128))
        );
        reader.claimable(words, TokenId.wrap(3));
    }
}

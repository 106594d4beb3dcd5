// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountIndex} from "../types/AccountIndex.sol";
import {Root} from "../types/Root.sol";
import {AccountLeaf} from "./AccountLeaf.sol";
import {SparseTree} from "./SparseTree.sol";

/// An account's leaf with its path to a state root: 43 words of calldata, mostly zeros.
struct AccountProof {
    /// The leaf's key.
    AccountIndex account;
    /// The leaf's words.
    bytes32[9] words;
    /// From the leaf up; zero where a subtree is empty.
    bytes32[28] siblings;
    /// Roots of the orders, sessions, instruments and groups trees, and the globals leaf's hash.
    bytes32[5] otherRoots;
}

/// @title The state root that an account's leaf belongs to (formats.md section 7)
library StateRoot {
    /// keccak of the accounts root and the five others.
    /// @dev Hazard: the caller checks `proof.account.isKey()`.
    function rootOf(AccountProof calldata proof) internal pure returns (Root) {
        bytes32 accounts = SparseTree.rootOf(
            AccountLeaf.hash(proof.words), AccountIndex.unwrap(proof.account), proof.siblings
        );
        return Root.wrap(keccak256(abi.encodePacked(accounts, proof.otherRoots)));
    }
}

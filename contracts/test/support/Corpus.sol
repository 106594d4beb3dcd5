// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountProof} from "../../src/libraries/StateRoot.sol";
import {AccountIndex} from "../../src/types/AccountIndex.sol";
import {Root} from "../../src/types/Root.sol";
import {Test} from "./Test.sol";

/// The corpus that merkat.spec made (tools/make_contract_vectors.py).
abstract contract Corpus is Test {
    string internal leaves = vm.readFile("test/data/leaves.json");

    function stateNames() internal pure returns (string[4] memory) {
        return ["one", "few", "edges", "many"];
    }

    function stateRoot(string memory state) internal view returns (Root) {
        return Root.wrap(vm.parseJsonBytes32(leaves, string.concat(".", state, ".state_root")));
    }

    /// How many accounts a state of the corpus has.
    function accountCount(string memory state) internal view returns (uint256 count) {
        while (vm.keyExistsJson(leaves, accountKey(state, count, ""))) ++count;
    }

    function accountKey(string memory state, uint256 position, string memory field)
        internal
        pure
        returns (string memory)
    {
        return string.concat(".", state, ".accounts[", vm.toString(position), "]", field);
    }

    function proofOf(string memory state, uint256 position)
        internal
        view
        returns (AccountProof memory proof)
    {
        uint256 account = vm.parseJsonUint(leaves, accountKey(state, position, ".account"));
        proof.account = AccountIndex.wrap(uint32(account));
        bytes32[] memory words =
            vm.parseJsonBytes32Array(leaves, accountKey(state, position, ".words"));
        bytes32[] memory siblings =
            vm.parseJsonBytes32Array(leaves, accountKey(state, position, ".siblings"));
        bytes32[] memory others =
            vm.parseJsonBytes32Array(leaves, string.concat(".", state, ".other_roots"));
        require(words.length == 9 && siblings.length == 28 && others.length == 5, "corpus shape");
        for (uint256 i = 0; i < 9; ++i) {
            proof.words[i] = words[i];
        }
        for (uint256 i = 0; i < 28; ++i) {
            proof.siblings[i] = siblings[i];
        }
        for (uint256 i = 0; i < 5; ++i) {
            proof.otherRoots[i] = others[i];
        }
    }

    function ownerOf(string memory state, uint256 position) internal view returns (address) {
        return vm.parseJsonAddress(leaves, accountKey(state, position, ".owner"));
    }

    function claimableOf(string memory state, uint256 position, uint256 token)
        internal
        view
        returns (uint256)
    {
        string memory field = string.concat(".claimable[", vm.toString(token), "]");
        return vm.parseJsonUint(leaves, accountKey(state, position, field));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountProof} from "../../src/libraries/StateRoot.sol";
import {AccountIndex} from "../../src/types/AccountIndex.sol";
import {Root} from "../../src/types/Root.sol";

/// A state of accounts 1 to 7 with nothing but owners and claimable amounts, and its proofs: built
/// here by the definition, so that a test can have any amounts. The corpus binds it to merkat.spec.
contract Ledger {
    uint256 public constant ACCOUNTS_END = 8;
    uint256 private constant LEVELS = 3;

    address[ACCOUNTS_END] public owners;
    uint128[4][ACCOUNTS_END] public claimable;
    bytes32 public globals = keccak256("globals");

    function setOwner(uint256 account, address owner) external {
        owners[account] = owner;
    }

    function setClaimable(uint256 account, uint256 token, uint128 amount) external {
        claimable[account][token] = amount;
    }

    /// Change something besides the accounts, so that no two states have one root.
    function touch() external {
        globals = keccak256(abi.encodePacked(globals));
    }

    function root() external view returns (Root) {
        bytes32 accounts = _node(LEVELS, 0);
        for (uint256 height = LEVELS; height < 28; ++height) {
            accounts = keccak256(abi.encodePacked(accounts, bytes32(0)));
        }
        return Root.wrap(keccak256(abi.encodePacked(accounts, _otherRoots())));
    }

    function proof(uint256 account) external view returns (AccountProof memory made) {
        made.account = AccountIndex.wrap(uint32(account));
        made.words = words(account);
        for (uint256 height = 0; height < LEVELS; ++height) {
            made.siblings[height] = _node(height, (account >> height) ^ 1);
        }
        made.otherRoots = _otherRoots();
    }

    function words(uint256 account) public view returns (bytes32[9] memory made) {
        made[0] = bytes32(uint256(uint160(owners[account])) << 32);
        for (uint256 token = 0; token < 4; ++token) {
            made[4 + token] = bytes32(uint256(claimable[account][token]));
        }
    }

    function _node(uint256 height, uint256 number) private view returns (bytes32) {
        if (height == 0) {
            if (owners[number] == address(0)) return bytes32(0);
            return keccak256(abi.encodePacked(bytes1(0), words(number)));
        }
        bytes32 left = _node(height - 1, 2 * number);
        bytes32 right = _node(height - 1, 2 * number + 1);
        if (left | right == bytes32(0)) return bytes32(0);
        return keccak256(abi.encodePacked(left, right));
    }

    function _otherRoots() private view returns (bytes32[5] memory others) {
        others[0] = keccak256("orders");
        others[2] = keccak256("instruments");
        others[3] = keccak256("groups");
        others[4] = globals;
    }
}

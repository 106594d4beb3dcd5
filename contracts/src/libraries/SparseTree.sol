// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The root of a sparse Merkle tree from one of its leaves (formats.md section 7)
/// @dev Hazard: this trusts its caller that `leaf` is a leaf's hash (never one taken from calldata)
/// and that `key` has no bit above the depth. A leaf hashes a byte 0x00 before its words, a node
/// hashes exactly 64 bytes, so neither can be read as the other.
library SparseTree {
    /// @param key of the leaf; its bits are read from the most significant of `siblings.length`
    /// @param siblings on the way up, that of the leaf first; zero where a subtree is empty
    /// @dev Two zero children would give zero, but on the way up from a leaf that is there one
    /// child never is zero.
    function rootOf(bytes32 leaf, uint256 key, bytes32[28] calldata siblings)
        internal
        pure
        returns (bytes32 node)
    {
        node = leaf;
        for (uint256 height = 0; height < 28; ++height) {
            bytes32 sibling = siblings[height];
            node = (key >> height) & 1 == 0 ? _node(node, sibling) : _node(sibling, node);
        }
    }

    // keccak256(left ‖ right) in the scratch space: 28 of them a claim, with no memory to pay.
    // slither-disable-next-line assembly
    function _node(bytes32 left, bytes32 right) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            hash := keccak256(0x00, 0x40)
        }
    }
}

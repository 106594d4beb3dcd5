// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The root that names a batch's calldata
/// @dev Chunks of 1,024 bytes, the last one filled up with zeros; leaf = keccak(0x00 ‖ chunk);
/// node = keccak(left ‖ right), two zero children give zero; as many leaves as the next power of
/// two, those behind the last chunk zero. The length of the data is recorded beside the root, so
/// the zeros at the end are no second spelling.
library ChunkTree {
    uint256 internal constant CHUNK_BYTES = 1024;

    /// @param data at least one byte: the caller has checked it
    function rootOf(bytes calldata data) internal pure returns (bytes32) {
        bytes32[] memory level = _leaves(data);
        uint256 width = level.length;
        while (width > 1) {
            width /= 2;
            for (uint256 i = 0; i < width; ++i) {
                level[i] = _node(level[2 * i], level[2 * i + 1]);
            }
        }
        return level[0];
    }

    function _leaves(bytes calldata data) private pure returns (bytes32[] memory leaves) {
        uint256 chunks = (data.length + CHUNK_BYTES - 1) / CHUNK_BYTES;
        uint256 width = 1;
        while (width < chunks) width *= 2;
        leaves = new bytes32[](width);
        bytes memory preimage = new bytes(1 + CHUNK_BYTES); // its first byte stays 0x00
        for (uint256 i = 0; i < chunks; ++i) {
            uint256 start = i * CHUNK_BYTES;
            uint256 length = data.length - start;
            if (length < CHUNK_BYTES) {
                preimage = new bytes(1 + CHUNK_BYTES);
            } else {
                length = CHUNK_BYTES;
            }
            assembly ("memory-safe") {
                calldatacopy(add(preimage, 0x21), add(data.offset, start), length)
            }
            leaves[i] = keccak256(preimage);
        }
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32 hash) {
        if (left | right == bytes32(0)) return bytes32(0);
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            hash := keccak256(0x00, 0x40)
        }
    }
}

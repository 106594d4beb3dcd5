// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The hash that names a batch's calldata (docs/spec/batches.md section 2)
/// @dev Chunks of 1,024 bytes, the last one may be shorter. Leaf i = keccak(0x00 ‖ i u32 ‖ chunk),
/// node = keccak(0x01 ‖ left ‖ right), an odd node at the end of a level moves up as it is, and the
/// hash is keccak(0x02 ‖ length u32 ‖ top). So no leaf reads as a node, and one hash has one length.
library ChunkTree {
    uint256 internal constant CHUNK_BYTES = 1024;
    uint256 private constant PREFIX_BYTES = 5; // 0x00 and the leaf's number

    /// The data have no length that four bytes tell.
    error DataTooLong(uint256 length);

    /// @param data at least one byte: the caller has checked it
    function hashOf(bytes calldata data) internal pure returns (bytes32) {
        require(data.length <= type(uint32).max, DataTooLong(data.length));
        bytes32[] memory level = _leaves(data);
        uint256 width = level.length;
        while (width > 1) {
            uint256 pairs = width / 2;
            for (uint256 i = 0; i < pairs; ++i) {
                level[i] = keccak256(abi.encodePacked(bytes1(0x01), level[2 * i], level[2 * i + 1]));
            }
            if (width % 2 == 1) level[pairs] = level[width - 1];
            width = pairs + width % 2;
        }
        // The cast is exact: the length was checked.
        // forge-lint: disable-next-line(unsafe-typecast)
        return keccak256(abi.encodePacked(bytes1(0x02), uint32(data.length), level[0]));
    }

    // Copying a chunk straight into its place: Solidity has no words for it.
    // slither-disable-next-line assembly
    function _leaves(bytes calldata data) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[]((data.length + CHUNK_BYTES - 1) / CHUNK_BYTES);
        bytes memory preimage = new bytes(PREFIX_BYTES + CHUNK_BYTES); // its first byte stays 0x00
        for (uint256 i = 0; i < leaves.length; ++i) {
            uint256 start = i * CHUNK_BYTES;
            uint256 length = data.length - start;
            if (length > CHUNK_BYTES) length = CHUNK_BYTES;
            bytes32 hash;
            assembly ("memory-safe") {
                let first := add(preimage, 0x20)
                mstore(first, shl(216, i)) // 0x00 ‖ i as u32; the rest is overwritten
                calldatacopy(add(first, PREFIX_BYTES), add(data.offset, start), length)
                hash := keccak256(first, add(PREFIX_BYTES, length))
            }
            leaves[i] = hash;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TokenId} from "../types/TokenId.sol";

/// @title The leaf of a margin account: nine words (formats.md section 7)
library AccountLeaf {
    /// A word of a leaf is below 2^248, a claimable amount below 2^128: this one is not.
    /// @param word its number, 0 to 8
    /// @param value what was given
    error WordOutOfRange(uint256 word, uint256 value);

    uint256 internal constant WORDS = 9;
    uint256 internal constant OWNER_SHIFT = 32; // margin_mode u8, stage u8, stage_group u16 follow
    uint256 internal constant CLAIMABLE_WORD = 4; // of token 0

    /// keccak of a byte 0x00 and the words.
    function hash(bytes32[WORDS] calldata words) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x00), words));
    }

    /// The address that everything claimable of the account is paid to.
    function owner(bytes32[WORDS] calldata words) internal pure returns (address) {
        uint256 value = uint256(words[0]);
        require(value >> 192 == 0, WordOutOfRange(0, value));
        // The cast is exact: the word was just found to be below 2^192.
        // forge-lint: disable-next-line(unsafe-typecast)
        return address(uint160(value >> OWNER_SHIFT));
    }

    /// What the account may have claimed of a token in total, since it was opened.
    /// @param token one of the four: the caller has checked it
    function claimable(bytes32[WORDS] calldata words, TokenId token)
        internal
        pure
        returns (uint128)
    {
        uint256 word = CLAIMABLE_WORD + TokenId.unwrap(token);
        uint256 value = uint256(words[word]);
        require(value >> 128 == 0, WordOutOfRange(word, value));
        // The cast is exact: the word was just found to be below 2^128.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(value);
    }
}

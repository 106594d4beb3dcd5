// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The address of the contract that a contract will make (EIP-161: nonces begin at 1)
library CreateAddress {
    /// @param nonce 1 to 127, whose RLP is one byte
    function ofNonce(address maker, uint8 nonce) internal pure returns (address) {
        assert(nonce > 0 && nonce < 0x80);
        // RLP of the list [maker, nonce].
        bytes32 hash = keccak256(abi.encodePacked(bytes2(0xd694), maker, nonce));
        return address(uint160(uint256(hash)));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A state root: keccak of six tree roots (formats.md section 7). Zero is the root of no state.
type Root is bytes32;

using {equals as ==, isZero} for Root global;

function equals(Root left, Root right) pure returns (bool) {
    return Root.unwrap(left) == Root.unwrap(right);
}

function isZero(Root root) pure returns (bool) {
    return Root.unwrap(root) == bytes32(0);
}

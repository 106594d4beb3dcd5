// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Number of a batch. 0 is the genesis, which nobody posted.
type BatchIndex is uint64;

using {equals as ==, isAfter as >, next} for BatchIndex global;

function equals(BatchIndex left, BatchIndex right) pure returns (bool) {
    return BatchIndex.unwrap(left) == BatchIndex.unwrap(right);
}

function isAfter(BatchIndex left, BatchIndex right) pure returns (bool) {
    return BatchIndex.unwrap(left) > BatchIndex.unwrap(right);
}

function next(BatchIndex index) pure returns (BatchIndex) {
    return BatchIndex.wrap(BatchIndex.unwrap(index) + 1);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// How many inbox items are taken; also the number of the first item that is not.
type InboxCursor is uint64;

using {isBefore as <} for InboxCursor global;

function isBefore(InboxCursor left, InboxCursor right) pure returns (bool) {
    return InboxCursor.unwrap(left) < InboxCursor.unwrap(right);
}

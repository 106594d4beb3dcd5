// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Number of a margin account: 1 to 2^28 - 1; 0 names none (formats.md section 2).
type AccountIndex is uint32;

using {isKey} for AccountIndex global;

// One past the largest account index: the accounts tree has 28 levels.
uint32 constant ACCOUNTS_END = 1 << 28;

/// Whether the index can stand for a leaf. Larger ones would be aliases of the leaf that their low
/// 28 bits name, with a counter of their own.
function isKey(AccountIndex account) pure returns (bool) {
    uint32 value = AccountIndex.unwrap(account);
    return value != 0 && value < ACCOUNTS_END;
}

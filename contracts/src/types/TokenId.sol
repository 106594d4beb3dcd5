// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Number of a collateral token: 0 to 3; 0 is the settlement token (formats.md section 2).
type TokenId is uint8;

using {equals as ==, isKnown} for TokenId global;

// How many token numbers an account leaf has room for.
uint8 constant TOKENS = 4;

// The token whose unit is 1e-6 USD of cash.
TokenId constant SETTLEMENT_TOKEN = TokenId.wrap(0);

function equals(TokenId left, TokenId right) pure returns (bool) {
    return TokenId.unwrap(left) == TokenId.unwrap(right);
}

/// Whether the number is one of the four.
function isKnown(TokenId token) pure returns (bool) {
    return TokenId.unwrap(token) < TOKENS;
}

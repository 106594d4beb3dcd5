// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../../src/TestToken.sol";

/// Hostile: moves nothing and says `true`.
contract LyingToken is TestToken {
    constructor() TestToken("Lying", "LIE", 6) {}

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return true;
    }
}

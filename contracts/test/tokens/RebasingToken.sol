// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../../src/TestToken.sol";

/// Hostile: can take units away from a holder, as a token does that rebases downwards.
contract RebasingToken is TestToken {
    constructor() TestToken("Rebasing", "REB", 6) {}

    function rebase(address holder, uint256 loss) external {
        _burn(holder, loss);
    }
}

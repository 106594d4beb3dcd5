// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../../src/TestToken.sol";

/// Hostile: before it moves anything it makes the call that it was told to make, once.
contract ReentrantToken is TestToken {
    address public target;
    bytes public payload;
    bool public succeeded;
    bytes public result;

    constructor() TestToken("Reentrant", "LOOP", 6) {}

    function arm(address target_, bytes calldata payload_) external {
        target = target_;
        payload = payload_;
    }

    function _update(address from, address to, uint256 value) internal override {
        address called = target;
        if (called != address(0) && from != address(0)) {
            target = address(0);
            (succeeded, result) = called.call(payload);
        }
        super._update(from, to, value);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../../src/TestToken.sol";

/// Odd: refuses to pay those on its list.
contract BlacklistToken is TestToken {
    error Blacklisted(address account);

    mapping(address => bool) public blacklisted;

    constructor() TestToken("Blacklist", "BLACK", 6) {}

    function setBlacklisted(address account, bool listed) external {
        blacklisted[account] = listed;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!blacklisted[to], Blacklisted(to));
        super._update(from, to, value);
    }
}

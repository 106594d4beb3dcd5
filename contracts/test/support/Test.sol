// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";

/// What every suite stands on: the cheatcodes, and values inside bounds for the fuzzer.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// `value` folded into [low, high]; values already inside stay, so that examples stay readable.
    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        require(low <= high, "bound: low is above high");
        if (value >= low && value <= high) return value;
        uint256 width = high - low + 1;
        return width == 0 ? value : low + value % width;
    }
}

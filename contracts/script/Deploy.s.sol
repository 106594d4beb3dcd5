// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

import {Custody, CustodyParameters} from "../src/Custody.sol";
import {InboxParameters} from "../src/interfaces/IInbox.sol";
import {Root} from "../src/types/Root.sol";

/// The cheatcodes of forge that a script needs.
interface ScriptVm {
    function envAddress(string calldata name) external view returns (address);
    function envAddress(string calldata name, string calldata delimiter)
        external
        view
        returns (address[] memory);
    function envBytes32(string calldata name) external view returns (bytes32);
    function envOr(string calldata name, uint256 defaultValue) external view returns (uint256);
    function startBroadcast() external;
    function stopBroadcast() external;
}

/// Deploys a venue's contracts in one transaction:
///
///     MERKAT_TOKEN=0x.. MERKAT_GENESIS=0x.. MERKAT_PROPOSERS=0x..,0x.. MERKAT_POSTER=0x.. \
///     MERKAT_GUARDIAN=0x.. forge script script/Deploy.s.sol --rpc-url URL --broadcast
///
/// Anyone executes what the timelock has made ready. The other parameters have the defaults below.
contract Deploy {
    ScriptVm private constant vm =
        ScriptVm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function run() external returns (Custody custody) {
        CustodyParameters memory parameters = fromEnvironment();
        vm.startBroadcast();
        custody = new Custody(parameters);
        vm.stopBroadcast();
    }

    /// The parameters that the environment gives.
    function fromEnvironment() public view returns (CustodyParameters memory made) {
        made.settlementToken = IERC20Metadata(vm.envAddress("MERKAT_TOKEN"));
        made.genesis = Root.wrap(vm.envBytes32("MERKAT_GENESIS"));
        made.proposers = vm.envAddress("MERKAT_PROPOSERS", ",");
        made.executors = new address[](1);
        made.poster = vm.envAddress("MERKAT_POSTER");
        made.guardian = vm.envAddress("MERKAT_GUARDIAN");
        made.minimumDeposit = uint128(_number("MERKAT_MINIMUM_DEPOSIT", 1_000_000));
        made.windowSeconds = _seconds("MERKAT_WINDOW_SECONDS", 7 days);
        made.timelockDelaySeconds = _number("MERKAT_TIMELOCK_SECONDS", 30 days);
        made.inbox = InboxParameters({
            serviceDelayMs: uint48(_number("MERKAT_SERVICE_DELAY_MS", 24 * 3_600_000)),
            spacingMs: uint48(_number("MERKAT_SPACING_MS", 10)),
            baseFeeWei: _number("MERKAT_BASE_FEE_WEI", 1e13)
        });
    }

    function _seconds(string memory name, uint256 default_) private view returns (uint32) {
        uint256 value = _number(name, default_);
        require(value < 1 << 32, string.concat(name, " is not below 2^32"));
        return uint32(value);
    }

    /// A number below 2^48, so that no cast above cuts one.
    function _number(string memory name, uint256 default_) private view returns (uint256 value) {
        value = vm.envOr(name, default_);
        require(value < 1 << 48, string.concat(name, " is not below 2^48"));
    }
}

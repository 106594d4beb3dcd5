// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {Deploy} from "../script/Deploy.s.sol";
import {Custody} from "../src/Custody.sol";
import {GUARDIAN, POSTER} from "../src/Roles.sol";
import {BatchIndex} from "../src/types/BatchIndex.sol";
import {SETTLEMENT_TOKEN} from "../src/types/TokenId.sol";
import {Venue} from "./support/Venue.sol";

/// The script, as an environment with the required names alone runs it.
contract DeployTest is Venue {
    Deploy private script;

    function setUp() public override {
        super.setUp();
        script = new Deploy();
        vm.setEnv("MERKAT_TOKEN", vm.toString(address(token)));
        vm.setEnv("MERKAT_GENESIS", vm.toString(bytes32(uint256(7))));
        vm.setEnv("MERKAT_POSTER", vm.toString(poster));
        vm.setEnv("MERKAT_GUARDIAN", vm.toString(guardian));
        vm.setEnv("MERKAT_PROPOSERS", string.concat(vm.toString(proposer), ",", vm.toString(alice)));
    }

    function test_script_deploys_what_the_environment_says() public {
        Custody made = script.run();
        vm.assertEq(
            address(made.vault().tokenOf(SETTLEMENT_TOKEN)), address(token), "settlement token"
        );
        vm.assertTrue(made.roles().hasRole(POSTER, poster), "poster");
        vm.assertTrue(made.roles().hasRole(GUARDIAN, guardian), "guardian");
        TimelockController control = made.timelock();
        vm.assertTrue(control.hasRole(control.PROPOSER_ROLE(), alice), "second proposer");
        vm.assertEq(control.getMinDelay(), 30 days, "timelock");
        vm.assertEq(uint256(made.anchor().windowNs()), 7 days * 1e9, "window");
        vm.assertEq(uint256(made.inbox().serviceDelayMs()), 24 hours * 1000, "service delay");
        vm.assertTrue(made.anchor().lastBatch() == BatchIndex.wrap(0), "no batch yet");

        // In the same test: an environment belongs to the whole process.
        vm.setEnv("MERKAT_WINDOW_SECONDS", "4294967296");
        vm.expectRevert(bytes("MERKAT_WINDOW_SECONDS is not below 2^32"));
        script.fromEnvironment();
        vm.setEnv("MERKAT_WINDOW_SECONDS", "3600");
        vm.assertEq(uint256(script.fromEnvironment().windowSeconds), 3600, "given");
    }
}

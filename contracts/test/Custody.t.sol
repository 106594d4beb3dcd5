// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {Custody, CustodyParameters} from "../src/Custody.sol";
import {RoleGated} from "../src/RoleGated.sol";
import {GUARDIAN, POSTER, TIMELOCK} from "../src/Roles.sol";
import {TestToken} from "../src/TestToken.sol";
import {BatchHeader} from "../src/interfaces/IAnchor.sol";
import {IVault} from "../src/interfaces/IVault.sol";
import {BatchIndex} from "../src/types/BatchIndex.sol";
import {InboxCursor} from "../src/types/InboxCursor.sol";
import {SETTLEMENT_TOKEN} from "../src/types/TokenId.sol";
import {Venue} from "./support/Venue.sol";

/// The contracts as one transaction makes them, and what goes through the timelock.
contract CustodyTest is Venue {
    function test_contracts_know_each_other() public view {
        vm.assertEq(address(inbox.vault()), address(vault), "inbox.vault");
        vm.assertEq(address(inbox.anchor()), address(anchor), "inbox.anchor");
        vm.assertEq(address(anchor.inbox()), address(inbox), "anchor.inbox");
        vm.assertEq(address(vault.inbox()), address(inbox), "vault.inbox");
        vm.assertEq(address(vault.anchor()), address(anchor), "vault.anchor");
        vm.assertEq(address(inbox.roles()), address(roles), "inbox.roles");
        vm.assertEq(address(anchor.roles()), address(roles), "anchor.roles");
        vm.assertEq(address(vault.roles()), address(roles), "vault.roles");
    }

    function test_parameters_are_those_that_were_given() public view {
        vm.assertEq(address(vault.tokenOf(SETTLEMENT_TOKEN)), address(token), "token");
        vm.assertEq(uint256(vault.minimumDeposit()), MINIMUM_DEPOSIT, "minimum deposit");
        vm.assertTrue(anchor.finalRoot(BatchIndex.wrap(0)) == ledger.root(), "genesis");
        vm.assertEq(uint256(anchor.windowNs()), uint256(WINDOW_SECONDS) * 1e9, "window");
        vm.assertEq(uint256(inbox.serviceDelayMs()), SERVICE_DELAY_MS, "service delay");
        vm.assertEq(uint256(inbox.spacingMs()), SPACING_MS, "spacing");
        vm.assertEq(inbox.baseFeeWei(), BASE_FEE_WEI, "base fee");
        uint256 delay = TimelockController(payable(timelock)).getMinDelay();
        vm.assertEq(delay, 8 days, "timelock delay");
    }

    function test_nobody_but_the_named_has_a_role() public view {
        address[6] memory people =
            [address(this), poster, guardian, timelock, proposer, address(vault)];
        for (uint256 i = 0; i < people.length; ++i) {
            vm.assertEq(roles.hasRole(POSTER, people[i]), people[i] == poster, "poster");
            vm.assertEq(roles.hasRole(GUARDIAN, people[i]), people[i] == guardian, "guardian");
            vm.assertEq(roles.hasRole(TIMELOCK, people[i]), people[i] == timelock, "timelock");
        }
    }

    function test_every_contract_fits() public view {
        address[5] memory made =
            [timelock, address(roles), address(inbox), address(anchor), address(vault)];
        for (uint256 i = 0; i < made.length; ++i) {
            vm.assertLt(made[i].code.length, 24_576, "code size");
        }
    }

    function test_timelock_leaves_the_service_delay_and_seven_days() public {
        CustodyParameters memory made = parameters(ledger.root());
        new Custody(made); // 24 h and 7 days
        made.timelockDelaySeconds -= 1;
        vm.expectRevert(
            abi.encodeWithSelector(Custody.TimelockTooShort.selector, 8 days - 1, 8 days)
        );
        new Custody(made);
    }

    function test_rules_change_through_the_timelock_after_its_delay() public {
        TimelockController control = TimelockController(payable(timelock));
        bytes memory change = abi.encodeCall(inbox.enqueueFromTimelock, (7, hex"00000001"));
        vm.prank(proposer);
        control.schedule(address(inbox), 0, change, 0, 0, 8 days);
        vm.warp(START + 8 days - 1);
        vm.expectRevert();
        control.execute(address(inbox), 0, change, 0, 0);
        vm.warp(START + 8 days);
        vm.prank(stranger);
        control.execute(address(inbox), 0, change, 0, 0);
        vm.assertEq(InboxCursor.unwrap(inbox.length()), 1, "the item");
    }

    function test_only_the_proposer_schedules_and_not_below_the_delay() public {
        TimelockController control = TimelockController(payable(timelock));
        bytes memory change = abi.encodeCall(vault.setMinimumDeposit, (1));
        vm.expectRevert();
        vm.prank(stranger);
        control.schedule(address(vault), 0, change, 0, 0, 8 days);
        vm.startPrank(proposer);
        vm.expectRevert();
        control.schedule(address(vault), 0, change, 0, 0, 8 days - 1);
        control.schedule(address(vault), 0, change, 0, 0, 8 days);
    }

    function test_timelock_replaces_the_poster() public {
        vm.startPrank(timelock);
        roles.revokeRole(POSTER, poster);
        roles.grantRole(POSTER, stranger);
        vm.stopPrank();
        BatchHeader memory made = header(ledger.root());
        vm.expectRevert(abi.encodeWithSelector(RoleGated.MissingRole.selector, poster, POSTER));
        vm.prank(poster);
        anchor.postCalldata(made, hex"01");
        vm.prank(stranger);
        anchor.postCalldata(made, hex"01");
    }

    function test_nobody_else_gives_roles() public {
        address[4] memory people = [poster, guardian, proposer, stranger];
        for (uint256 i = 0; i < people.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IAccessControl.AccessControlUnauthorizedAccount.selector, people[i], TIMELOCK
                )
            );
            vm.prank(people[i]);
            roles.grantRole(POSTER, people[i]);
        }
        vm.prank(timelock);
        roles.grantRole(POSTER, stranger);
    }

    function test_token_for_tests_is_anyones() public {
        TestToken test = TestToken(address(token));
        vm.prank(stranger);
        test.mint(stranger, 5);
        vm.assertEq(test.balanceOf(stranger), 5, "minted");
        vm.assertEq(uint256(test.decimals()), 6, "decimals");
    }

    function test_vault_needs_the_settlement_token_to_have_six_decimals() public {
        CustodyParameters memory made = parameters(ledger.root());
        made.settlementToken = new TestToken("Ether-like", "ETHL", 18);
        vm.expectRevert(abi.encodeWithSelector(IVault.WrongDecimals.selector, 18, 6));
        new Custody(made);
    }
}

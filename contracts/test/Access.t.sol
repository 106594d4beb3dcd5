// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {RoleGated} from "../src/RoleGated.sol";
import {IInbox} from "../src/interfaces/IInbox.sol";
import {Venue} from "./support/Venue.sol";

/// Every external function of every contract, called by everyone: who is turned away for who they
/// are. The table is in test/snapshots/access.txt, under review like code. A new function changes
/// it. To write it anew: MERKAT_WRITE_SNAPSHOTS=true, then read the difference.
contract AccessTest is Venue {
    string private constant FILE = "test/snapshots/access.txt";
    uint256 private constant ARGUMENT_WORDS = 64; // zeros: enough to decode any argument list

    string[8] private names =
        ["anyone", "poster", "guardian", "proposer", "timelock", "vault", "inbox", "anchor"];
    address[8] private people;

    function setUp() public override {
        super.setUp();
        people = [
            stranger,
            poster,
            guardian,
            proposer,
            timelock,
            address(vault),
            address(inbox),
            address(anchor)
        ];
    }

    function test_everyone_may_do_what_the_committed_table_says() public {
        string memory table = string.concat(
            _matrix("Vault", address(vault)),
            _matrix("Inbox", address(inbox)),
            _matrix("Anchor", address(anchor)),
            _matrix("Roles", address(roles)),
            _matrix("TimelockController", timelock)
        );
        if (vm.envOr("MERKAT_WRITE_SNAPSHOTS", false)) vm.writeFile(FILE, table);
        vm.assertEq(
            table, vm.readFile(FILE), "who may do what has changed; see the contract's note"
        );
    }

    /// The table is read from refusals: one of each kind is recognised, and an allowed call is not
    /// taken for one.
    function test_refusals_are_recognised() public {
        vm.assertTrue(_isRefused(stranger, address(anchor), anchor.freeze.selector) == false, "any");
        vm.assertTrue(_isRefused(stranger, address(anchor), anchor.postBlobs.selector), "role");
        vm.assertTrue(_isRefused(stranger, address(inbox), inbox.close.selector), "anchor only");
        vm.assertTrue(_isRefused(stranger, address(roles), roles.grantRole.selector), "admin");
        vm.assertFalse(_isRefused(poster, address(anchor), anchor.postBlobs.selector), "poster");
    }

    function _matrix(string memory name, address target) private returns (string memory table) {
        string memory path = string.concat("out/", name, ".sol/", name, ".json");
        string memory artifact = vm.readFile(path);
        string[] memory signatures = vm.parseJsonKeys(artifact, ".methodIdentifiers");
        table = string.concat(name, "\n");
        for (uint256 i = 0; i < signatures.length; ++i) {
            if (_isRead(artifact, signatures[i])) continue;
            bytes4 selector = bytes4(keccak256(bytes(signatures[i])));
            table = string.concat(table, "  ", signatures[i], ": ", _who(target, selector), "\n");
        }
    }

    function _who(address target, bytes4 selector) private returns (string memory who) {
        if (!_isRefused(stranger, target, selector)) {
            for (uint256 i = 1; i < people.length; ++i) {
                vm.assertFalse(_isRefused(people[i], target, selector), "open to strangers only");
            }
            return names[0];
        }
        for (uint256 i = 1; i < people.length; ++i) {
            if (_isRefused(people[i], target, selector)) continue;
            who = string.concat(who, bytes(who).length == 0 ? "" : ", ", names[i]);
        }
        if (bytes(who).length == 0) who = "nobody";
    }

    function _isRefused(address person, address target, bytes4 selector) private returns (bool) {
        bytes memory call_ = abi.encodePacked(selector, new bytes(32 * ARGUMENT_WORDS));
        uint256 before = vm.snapshotState();
        vm.prank(person);
        (bool ok, bytes memory result) = target.call(call_);
        vm.revertToState(before);
        if (ok || result.length < 4) return false;
        bytes4 reason = bytes4(result);
        return reason == RoleGated.MissingRole.selector || reason == IInbox.NotVault.selector
            || reason == IInbox.NotAnchor.selector
            || reason == IAccessControl.AccessControlUnauthorizedAccount.selector
            || reason == TimelockController.TimelockUnauthorizedCaller.selector;
    }

    /// Whether a function only reads: nobody needs a right for that.
    function _isRead(string memory artifact, string memory signature) private view returns (bool) {
        bytes32 name = keccak256(_name(bytes(signature)));
        for (uint256 i = 0;; ++i) {
            string memory entry = string.concat(".abi[", vm.toString(i), "]");
            require(vm.keyExistsJson(artifact, entry), "function without an entry in the ABI");
            string memory type_ = vm.parseJsonString(artifact, string.concat(entry, ".type"));
            if (keccak256(bytes(type_)) != keccak256("function")) continue;
            string memory entryName = vm.parseJsonString(artifact, string.concat(entry, ".name"));
            if (keccak256(bytes(entryName)) != name) continue;
            string memory kind =
                vm.parseJsonString(artifact, string.concat(entry, ".stateMutability"));
            bytes32 hash = keccak256(bytes(kind));
            return hash == keccak256("view") || hash == keccak256("pure");
        }
        return false;
    }

    function _name(bytes memory signature) private pure returns (bytes memory name) {
        uint256 length = 0;
        while (signature[length] != "(") ++length;
        name = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            name[i] = signature[i];
        }
    }
}

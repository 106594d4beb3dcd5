// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

import {Anchor} from "./Anchor.sol";
import {Inbox} from "./Inbox.sol";
import {Roles} from "./Roles.sol";
import {Vault} from "./Vault.sol";
import {InboxParameters} from "./interfaces/IInbox.sol";
import {CreateAddress} from "./libraries/CreateAddress.sol";
import {Root} from "./types/Root.sol";

/// What a venue's contracts are made from.
struct CustodyParameters {
    /// The settlement token, 6 decimals.
    IERC20Metadata settlementToken;
    /// The smallest deposit, in its units: not below the state machine's new_account_minimum.
    uint128 minimumDeposit;
    /// Root of the state before the first batch.
    Root genesis;
    /// How long a batch waits before it can become final.
    uint32 windowSeconds;
    InboxParameters inbox;
    /// Delay of the timelock: at least the inbox's service delay and 7 days.
    uint256 timelockDelaySeconds;
    /// Who may propose to the timelock; they may cancel too.
    address[] proposers;
    /// Who may execute what is ready; the zero address lets anyone.
    address[] executors;
    address poster;
    address guardian;
}

/// @title One transaction that makes a venue's contracts, wired to each other
/// @dev They know each other by immutables: the addresses follow from this contract's nonces, so
/// there is no setter that someone could call first. Afterwards this contract has no power; it only
/// tells the addresses.
contract Custody {
    /// The timelock must leave users the time to force a withdrawal and 7 days to leave.
    error TimelockTooShort(uint256 delaySeconds, uint256 minimumSeconds);

    uint256 public constant LEAVE_SECONDS = 7 days;
    uint8 private constant INBOX_NONCE = 3;
    uint8 private constant ANCHOR_NONCE = 4;
    uint8 private constant VAULT_NONCE = 5;

    TimelockController public immutable timelock;
    Roles public immutable roles;
    Inbox public immutable inbox;
    Anchor public immutable anchor;
    Vault public immutable vault;

    constructor(CustodyParameters memory parameters) {
        uint256 minimum = parameters.inbox.serviceDelayMs / 1000 + LEAVE_SECONDS;
        uint256 delay = parameters.timelockDelaySeconds;
        require(delay >= minimum, TimelockTooShort(delay, minimum));

        timelock =
            new TimelockController(delay, parameters.proposers, parameters.executors, address(0));
        roles = new Roles(address(timelock), parameters.poster, parameters.guardian);
        inbox = new Inbox(
            roles,
            CreateAddress.ofNonce(address(this), VAULT_NONCE),
            CreateAddress.ofNonce(address(this), ANCHOR_NONCE),
            parameters.inbox
        );
        anchor = new Anchor(roles, inbox, parameters.genesis, parameters.windowSeconds);
        vault =
            new Vault(roles, inbox, anchor, parameters.settlementToken, parameters.minimumDeposit);
        assert(address(inbox) == CreateAddress.ofNonce(address(this), INBOX_NONCE));
        assert(address(inbox.anchor()) == address(anchor));
        assert(address(inbox.vault()) == address(vault));
    }
}

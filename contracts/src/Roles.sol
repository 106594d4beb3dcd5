// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

// The admin of the roles: AccessControl's DEFAULT_ADMIN_ROLE, held by the timelock alone.
bytes32 constant TIMELOCK = bytes32(0);

// Posts batches.
bytes32 constant POSTER = keccak256("merkat.poster");

// Pauses deposits and posting.
bytes32 constant GUARDIAN = keccak256("merkat.guardian");

/// @title Who may do what: the one list that all contracts of a venue read
/// @notice Three roles. The admin is the timelock and gives and takes the others.
///
/// | role | may | may not |
/// |---|---|---|
/// | POSTER | post batches | anything else |
/// | GUARDIAN | pause deposits and posting, and let them go on | stop a claim, move money |
/// | TIMELOCK | roles, rules, token numbers, smallest deposit | stop a claim, move money |
///
/// @dev Hazard: a second admin beside the timelock would have no delay. Only the timelock can make
/// one, after its delay, in the open.
contract Roles is AccessControl {
    constructor(address timelock, address poster, address guardian) {
        _grantRole(TIMELOCK, timelock);
        _grantRole(POSTER, poster);
        _grantRole(GUARDIAN, guardian);
    }
}

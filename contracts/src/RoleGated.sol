// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Roles} from "./Roles.sol";

/// @title A contract some of whose functions need a role
abstract contract RoleGated {
    /// The caller lacks the role.
    error MissingRole(address caller, bytes32 role);

    /// The list of who may do what.
    Roles public immutable roles;

    modifier onlyRole(bytes32 role) {
        _requireRole(role);
        _;
    }

    constructor(Roles roles_) {
        roles = roles_;
    }

    function _requireRole(bytes32 role) private view {
        require(roles.hasRole(role, msg.sender), MissingRole(msg.sender, role));
    }
}

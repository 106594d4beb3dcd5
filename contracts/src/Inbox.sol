// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RoleGated} from "./RoleGated.sol";
import {Roles, TIMELOCK} from "./Roles.sol";
import {IInbox, InboxParameters} from "./interfaces/IInbox.sol";
import {Items} from "./libraries/Items.sol";
import {AccountIndex} from "./types/AccountIndex.sol";
import {InboxCursor} from "./types/InboxCursor.sol";
import {HOUR_MS, TimeMs, blockTimeMs} from "./types/Time.sol";
import {TokenId} from "./types/TokenId.sol";

/// @title The queue that the operator must serve in order, before a deadline
/// @dev Hazards:
/// - Fees are burnt: the ether stays here, nothing sends it on. There is no receive function.
/// - Only the first 26 bytes of an old hash are kept, beside its deadline. Two different queues that
///   agree in them cost 2^104 work to find.
/// - The vault and the anchor are trusted: the one to hold the money of each deposit, the other to
///   close the inbox only when it freezes.
/// - The item's bytes are in the event, not in storage: who rebuilds the queue needs the logs.
// locked-ether: fees are burnt by staying here.
// slither-disable-next-line locked-ether
contract Inbox is IInbox, RoleGated {
    /// A word: inboxHash behind the item, cut to 26 bytes ‖ deadline of the item.
    type Entry is bytes32;

    struct Tail {
        uint64 length;
        uint48 lastDueMs;
        bool closed;
    }

    uint256 private constant HOURS_MAX = 64; // more would overflow; 2^64 fees stop everyone

    address public immutable vault;
    address public immutable anchor;
    uint48 public immutable serviceDelayMs;
    uint48 public immutable spacingMs;
    uint256 public immutable baseFeeWei;

    bytes32 public headHash;
    Tail private _tail;
    mapping(uint256 index => Entry) private _entries;

    constructor(Roles roles_, address vault_, address anchor_, InboxParameters memory parameters)
        RoleGated(roles_)
    {
        // Custody predicts both addresses and checks them after it has made the contracts.
        // slither-disable-start missing-zero-check
        vault = vault_;
        anchor = anchor_;
        // slither-disable-end missing-zero-check
        serviceDelayMs = parameters.serviceDelayMs;
        spacingMs = parameters.spacingMs;
        baseFeeWei = parameters.baseFeeWei;
    }

    /// @inheritdoc IInbox
    function forceWithdrawal(AccountIndex account, TokenId token, uint128 amount)
        external
        payable
        returns (InboxCursor)
    {
        require(account.isKey() && token.isKnown(), UnknownAccountOrToken(account, token));
        require(amount != 0 && amount <= Items.AMOUNT_MAX, WithdrawalOutOfRange(amount));
        Tail memory tail = _tail;
        _checkFee(tail, msg.value);
        return _enqueue(tail, Items.forcedWithdrawal(account, msg.sender, token, amount));
    }

    /// @inheritdoc IInbox
    function enqueueFromTimelock(uint8 kind, bytes calldata body)
        external
        onlyRole(TIMELOCK)
        returns (InboxCursor)
    {
        uint256 expected = Items.timelockBodyBytes(kind, body);
        require(expected != 0, NotTimelockItem(kind));
        require(body.length == expected, WrongBodyLength(kind, body.length, expected));
        return _enqueue(_tail, Items.fromTimelock(kind, body));
    }

    /// @inheritdoc IInbox
    function enqueueDeposit(
        TokenId token,
        address owner,
        AccountIndex account,
        uint128 amount,
        uint256 paidWei
    ) external returns (InboxCursor) {
        require(msg.sender == vault, NotVault(msg.sender));
        Tail memory tail = _tail;
        _checkFee(tail, paidWei);
        return _enqueue(tail, Items.deposit(token, owner, account, amount));
    }

    /// @inheritdoc IInbox
    function enqueueFundDeposit(uint16 group, uint128 amount) external returns (InboxCursor) {
        require(msg.sender == vault, NotVault(msg.sender));
        return _enqueue(_tail, Items.fundDeposit(group, amount));
    }

    /// @inheritdoc IInbox
    function close() external {
        require(msg.sender == anchor, NotAnchor(msg.sender));
        _tail.closed = true;
        emit InboxClosed(length());
    }

    /// @inheritdoc IInbox
    function feeWei() external view returns (uint256) {
        return _feeWei(_tail);
    }

    /// @inheritdoc IInbox
    function length() public view returns (InboxCursor) {
        return InboxCursor.wrap(_tail.length);
    }

    /// @inheritdoc IInbox
    function closed() external view returns (bool) {
        return _tail.closed;
    }

    /// @inheritdoc IInbox
    function dueOf(InboxCursor index) external view returns (TimeMs) {
        require(index < length(), NoSuchItem(index, length()));
        return _dueOf(_entries[InboxCursor.unwrap(index)]);
    }

    /// @inheritdoc IInbox
    function hashMatches(InboxCursor cursor, bytes32 inboxHash) external view returns (bool) {
        uint64 taken = InboxCursor.unwrap(cursor);
        uint64 last = _tail.length;
        if (taken > last) return false;
        if (taken == last) return inboxHash == headHash;
        if (taken == 0) return inboxHash == bytes32(0);
        // Both casts cut on purpose: see the hazards.
        // forge-lint: disable-next-line(unsafe-typecast)
        return bytes26(inboxHash) == bytes26(Entry.unwrap(_entries[taken - 1]));
    }

    /// @inheritdoc IInbox
    function isOverdue(InboxCursor cursor) external view returns (bool) {
        return cursor < length() && _dueOf(_entries[InboxCursor.unwrap(cursor)]) < blockTimeMs();
    }

    function _enqueue(Tail memory tail, bytes memory item) private returns (InboxCursor index) {
        require(!tail.closed, IsClosed());
        bytes32 inboxHash = keccak256(abi.encodePacked(headHash, keccak256(item)));
        TimeMs due = _nextDue(tail);
        index = InboxCursor.wrap(tail.length);
        headHash = inboxHash;
        _entries[tail.length] = _entry(inboxHash, due);
        _tail = Tail(tail.length + 1, TimeMs.unwrap(due), false);
        emit ItemEnqueued(index, inboxHash, due, item);
    }

    function _checkFee(Tail memory tail, uint256 paidWei) private view {
        uint256 fee = _feeWei(tail);
        require(paidWei == fee, WrongFee(paidWei, fee));
    }

    function _feeWei(Tail memory tail) private view returns (uint256) {
        uint48 unhurried = TimeMs.unwrap(blockTimeMs().plusMs(serviceDelayMs));
        uint256 backlogHours = (TimeMs.unwrap(_nextDue(tail)) - unhurried) / HOUR_MS;
        if (backlogHours > HOURS_MAX) backlogHours = HOURS_MAX;
        return baseFeeWei << backlogHours;
    }

    function _nextDue(Tail memory tail) private view returns (TimeMs) {
        TimeMs unhurried = blockTimeMs().plusMs(serviceDelayMs);
        return unhurried.laterMs(TimeMs.wrap(tail.lastDueMs).plusMs(spacingMs));
    }

    function _entry(bytes32 inboxHash, TimeMs due) private pure returns (Entry) {
        // The cast cuts on purpose: see the hazards.
        // forge-lint: disable-next-line(unsafe-typecast)
        return Entry.wrap(bytes32(bytes26(inboxHash)) | bytes32(uint256(TimeMs.unwrap(due))));
    }

    function _dueOf(Entry entry) private pure returns (TimeMs) {
        return TimeMs.wrap(uint48(uint256(Entry.unwrap(entry))));
    }
}

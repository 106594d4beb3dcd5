// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountIndex} from "../types/AccountIndex.sol";
import {InboxCursor} from "../types/InboxCursor.sol";
import {TimeMs} from "../types/Time.sol";
import {TokenId} from "../types/TokenId.sol";

/// What is fixed when the inbox is made.
struct InboxParameters {
    /// An item is due this long after it was put in (24 h).
    uint48 serviceDelayMs;
    /// Two items are due at least this far apart (10 ms).
    uint48 spacingMs;
    /// Fee of a user's item while the queue is not backed up.
    uint256 baseFeeWei;
}

/// @title The queue that the operator must serve in order, before a deadline
/// @notice Anyone puts items in; nobody takes one out. A batch names how many items its state has
/// taken and their hash; the Anchor compares.
interface IInbox {
    /// An item was put in.
    /// @param index its number, from 0
    /// @param inboxHash after it: keccak(hash before ‖ keccak(item))
    /// @param due until when a batch must have taken it
    /// @param item its bytes (formats.md section 4)
    event ItemEnqueued(InboxCursor indexed index, bytes32 inboxHash, TimeMs due, bytes item);

    /// The venue is frozen: no item is taken any more.
    event InboxClosed(InboxCursor length);

    /// Only the vault puts in items that stand for money.
    error NotVault(address caller);

    /// Only the anchor closes the inbox, when it freezes.
    error NotAnchor(address caller);

    /// The venue is frozen.
    error IsClosed();

    /// A user's item costs exactly the fee of this moment: see `feeWei`.
    /// @param paidWei what was sent
    /// @param feeWei what it costs now
    error WrongFee(uint256 paidWei, uint256 feeWei);

    /// The timelock puts in items of kinds 2, 3, 4, 5 and 7. Kind 6 comes through the vault.
    error NotTimelockItem(uint8 kind);

    /// The body of a timelock item has another length than formats.md gives it.
    error WrongBodyLength(uint8 kind, uint256 length, uint256 expected);

    /// A forced withdrawal is of 1 to 2^96 - 1 units.
    error WithdrawalOutOfRange(uint128 amount);

    /// There is no such account index, or no such token.
    error UnknownAccountOrToken(AccountIndex account, TokenId token);

    /// The item is not there.
    error NoSuchItem(InboxCursor index, InboxCursor length);

    /// @notice Have the operator pay out of an account that the caller owns, or stop.
    /// @dev The state machine executes it at the largest amount that its rules allow, possibly 0,
    /// and refuses it when the caller does not own the account. Pays the fee, which is burnt.
    /// @param account whose money
    /// @param token which of the four
    /// @param amount at most, in the token's units
    /// @return index of the item
    function forceWithdrawal(AccountIndex account, TokenId token, uint128 amount)
        external
        payable
        returns (InboxCursor index);

    /// @notice Put in a change of the rules. Timelock only; no fee.
    /// @param kind 2 group, 3 list, 4 instrument, 5 venue, 7 fee_sweep, 9 risk, 10 list_dated,
    /// 11 deliver
    /// @param body what formats.md and derivatives.md have behind the source byte
    /// @return index of the item
    function enqueueFromTimelock(uint8 kind, bytes calldata body)
        external
        returns (InboxCursor index);

    /// @notice Put in a deposit whose money the vault holds. Vault only.
    /// @param paidWei what the depositor paid to the vault, which keeps it for good
    /// @return index of the item
    function enqueueDeposit(
        TokenId token,
        address owner,
        AccountIndex account,
        uint128 amount,
        uint256 paidWei
    ) external returns (InboxCursor index);

    /// @notice Put in money for a group's insurance fund, which the vault holds. Vault only.
    /// @return index of the item
    function enqueueFundDeposit(uint16 group, uint128 amount) external returns (InboxCursor index);

    /// @notice Take no items any more. Anchor only, when it freezes.
    function close() external;

    /// @notice What a user's item costs in this block. It is burnt: it stays here for good.
    /// @dev baseFeeWei, doubled for each whole hour by which the queue pushes the item's deadline
    /// back.
    function feeWei() external view returns (uint256);

    /// @notice How many items were put in.
    function length() external view returns (InboxCursor);

    /// @notice inboxHash(length).
    function headHash() external view returns (bytes32);

    /// @notice Whether the venue is frozen.
    function closed() external view returns (bool);

    /// @notice Until when a batch must have taken an item.
    function dueOf(InboxCursor index) external view returns (TimeMs);

    /// @notice Whether `inboxHash` is the hash of the first `cursor` items.
    /// @dev Below the head the first 26 bytes are compared: an item's hash and its deadline share
    /// one storage word.
    function hashMatches(InboxCursor cursor, bytes32 inboxHash) external view returns (bool);

    /// @notice Whether the item behind the first `cursor` ones is there and its deadline is over.
    function isOverdue(InboxCursor cursor) external view returns (bool);
}

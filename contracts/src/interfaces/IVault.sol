// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {AccountProof} from "../libraries/StateRoot.sol";
import {AccountIndex} from "../types/AccountIndex.sol";
import {BatchIndex} from "../types/BatchIndex.sol";
import {InboxCursor} from "../types/InboxCursor.sol";
import {Root} from "../types/Root.sol";
import {TokenId} from "../types/TokenId.sol";

/// How a token is counted: its spot market's lot in base units, and how many of the token's own units
/// one base unit is. The settlement token's are 1 and 1.
struct TokenUnits {
    uint128 lot;
    uint128 scale;
}

/// @title Where the collateral is
/// @notice Money comes in by a deposit, which is an inbox item, and goes out by a proof against a
/// final root, to the owner that the account's leaf names. There is no other way out.
interface IVault {
    /// Money came in. What for stands in the inbox's ItemEnqueued of the same number.
    event Deposited(InboxCursor indexed item, address indexed payer);

    /// Money for a group's insurance fund came in.
    event FundDeposited(InboxCursor indexed item, uint16 group, uint128 amount);

    /// Money went out.
    /// @param amount in base units; the token moved `amount` times its scale
    /// @param total what was paid of this token to this account since ever, in base units
    event Claimed(
        AccountIndex indexed account,
        TokenId token,
        address indexed owner,
        uint128 amount,
        uint128 total,
        BatchIndex batch
    );

    /// A token got its number, lot and scale, for good.
    event TokenRegistered(TokenId token, IERC20 contract_, uint128 lot, uint128 scale);

    /// The guardian stopped deposits, or let them go on.
    event DepositsPaused(bool paused);

    /// Deposits below this are refused from now on.
    event MinimumDepositSet(uint128 minimum);

    /// The guardian has paused deposits.
    error DepositsArePaused();

    /// A deposit is of the minimum to 2^96 - 1 base units: the state machine refuses others, and the
    /// money would be nobody's.
    error AmountOutOfRange(uint128 amount, uint128 minimum, uint128 maximum);

    /// A deposit has an owner.
    error ZeroOwner();

    /// Without a listing of kind spot a token gives no credit: it is registered with its lot.
    error NoSpotListing(TokenId token);

    /// A deposit of a token with a spot market is of whole lots: `step` of the token's units each.
    error NotWholeLots(uint128 amount, uint256 step);

    /// The vault got another amount than the deposit says: such tokens are not supported.
    error TransferIsNotExact(uint256 received, uint128 amount);

    /// The settlement token has 6 decimals: one unit is 1e-6 USD.
    error WrongDecimals(uint8 decimals, uint8 expected);

    /// The number is not 1, 2 or 3, or has a token already, or the token has a number already.
    error CannotRegister(TokenId token, IERC20 contract_);

    /// A lot is of 1 to 2^96 - 1 base units, a scale of 1 to 10^18.
    error BadUnits(uint128 lot, uint128 scale);

    /// No token has this number.
    error UnknownToken(TokenId token);

    /// Account indices are 1 to 2^28 - 1.
    error UnknownAccount(AccountIndex account);

    /// The proof gives another root than the batch has.
    error RootDiffers(Root computed, Root expected);

    /// The leaf names no owner.
    error LeafWithoutOwner(AccountIndex account);

    /// @notice Pay in for an account of `owner`. Costs `inbox.feeWei()` besides.
    /// @param token 0, or one that is registered with its spot market's lot
    /// @param amount in the token's units, of another token than 0 whole lots; the vault must be
    /// allowed to take it
    /// @param owner whose account it is; a wrong one cannot be undone
    /// @param account an account of that owner, else a new one is opened
    /// @return item the deposit's number in the inbox
    function deposit(TokenId token, uint128 amount, address owner, AccountIndex account)
        external
        payable
        returns (InboxCursor item);

    /// @notice Pay into a group's insurance fund. Timelock only, with its own money.
    /// @param group must exist when the item is taken, else the money is nobody's
    function depositToFund(uint16 group, uint128 amount) external returns (InboxCursor item);

    /// @notice Pay out what a final state makes claimable and was not paid yet. Anyone may send it;
    /// the money goes to the owner in the leaf.
    /// @param batch which final batch the proof is against; an older one pays no more than it allows
    /// @return amount that was paid, in base units, 0 when nothing is open
    function claim(BatchIndex batch, AccountProof calldata proof, TokenId token)
        external
        returns (uint128 amount);

    /// @notice Give a token its number, and let deposits of it in, for good. Timelock only, after it
    /// has listed the token's spot market.
    /// @param lot of the spot market, in base units
    /// @param scale the token's units in one base unit: 10^(its decimals - size_decimals)
    function registerToken(TokenId token, IERC20 contract_, uint128 lot, uint128 scale) external;

    /// @notice Change the smallest deposit of the settlement token. Timelock only; not below the state machine's
    /// new_account_minimum.
    function setMinimumDeposit(uint128 minimum) external;

    /// @notice Stop deposits. Guardian only. Claims go on.
    function pauseDeposits() external;

    /// @notice Let deposits go on. Guardian only.
    function resumeDeposits() external;

    /// @notice The token of a number, zero when it has none.
    function tokenOf(TokenId token) external view returns (IERC20);

    /// @notice Lot and scale of a token, zeros when the number is free.
    function unitsOf(TokenId token) external view returns (uint128 lot, uint128 scale);

    /// @notice What was paid to an account since ever, in base units.
    function paid(AccountIndex account, TokenId token) external view returns (uint128);

    /// @notice The smallest deposit of the settlement token.
    function minimumDeposit() external view returns (uint128);

    /// @notice Whether the guardian has paused deposits.
    function depositsPaused() external view returns (bool);
}

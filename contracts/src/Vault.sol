// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {RoleGated} from "./RoleGated.sol";
import {GUARDIAN, Roles, TIMELOCK} from "./Roles.sol";
import {IAnchor} from "./interfaces/IAnchor.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {IVault, TokenUnits} from "./interfaces/IVault.sol";
import {AccountLeaf} from "./libraries/AccountLeaf.sol";
import {Items} from "./libraries/Items.sol";
import {AccountProof, StateRoot} from "./libraries/StateRoot.sol";
import {AccountIndex} from "./types/AccountIndex.sol";
import {BatchIndex} from "./types/BatchIndex.sol";
import {InboxCursor} from "./types/InboxCursor.sol";
import {Root} from "./types/Root.sol";
import {SETTLEMENT_TOKEN, TokenId} from "./types/TokenId.sol";

/// @title Where the collateral is
/// @dev Hazards:
/// - A claim is as true as the final root it is against: see the hazards of Anchor.
/// - A token that takes a fee, rebases or lies about transfers is refused at deposit; one that later
///   begins to (an upgradable token) harms its own holders only.
/// - A token that refuses an owner (a blacklist) blocks the claims of that owner, nobody else's;
///   they stay open.
/// - A deposit of a token whose spot market the venue has not listed is nobody's: the timelock lists
///   the market first and registers its token after.
/// - A token's lot and scale are for good: an upgradable token that changes its decimals harms its
///   own holders only.
/// - Tokens sent here without `deposit`, and the ether of the fees, stay for good.
/// - No role can move a token, stop a claim or replace this code.
// locked-ether: fees are burnt by staying. unimplemented-functions: public mappings are getters.
// slither-disable-next-line locked-ether,unimplemented-functions
contract Vault is IVault, RoleGated, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint8 private constant SETTLEMENT_DECIMALS = 6;
    /// A token has at most 18 decimals more than its spot market; 2^128 such units fit a transfer.
    uint128 private constant SCALE_MAX = 1e18;

    IInbox public immutable inbox;
    IAnchor public immutable anchor;
    IERC20 public immutable settlementToken;

    uint128 public minimumDeposit;
    bool public depositsPaused;
    mapping(TokenId => IERC20) public tokenOf;
    mapping(TokenId => TokenUnits) public unitsOf;
    mapping(AccountIndex => mapping(TokenId => uint128)) public paid;

    constructor(
        Roles roles_,
        IInbox inbox_,
        IAnchor anchor_,
        IERC20Metadata settlementToken_,
        uint128 minimumDeposit_
    ) RoleGated(roles_) {
        uint8 decimals = settlementToken_.decimals();
        require(decimals == SETTLEMENT_DECIMALS, WrongDecimals(decimals, SETTLEMENT_DECIMALS));
        inbox = inbox_;
        anchor = anchor_;
        minimumDeposit = minimumDeposit_;
        settlementToken = settlementToken_;
        tokenOf[SETTLEMENT_TOKEN] = settlementToken_;
        unitsOf[SETTLEMENT_TOKEN] = TokenUnits(1, 1);
        emit TokenRegistered(SETTLEMENT_TOKEN, settlementToken_, 1, 1);
        emit MinimumDepositSet(minimumDeposit_);
    }

    /// @inheritdoc IVault
    function deposit(TokenId token, uint128 amount, address owner, AccountIndex account)
        external
        payable
        nonReentrant
        returns (InboxCursor item)
    {
        require(!depositsPaused, DepositsArePaused());
        bool isCash = token == SETTLEMENT_TOKEN;
        IERC20 contract_ = isCash ? settlementToken : tokenOf[token];
        uint128 least = isCash ? minimumDeposit : 1;
        uint128 units = isCash ? amount : _wholeLots(token, amount);
        require(
            units != 0 && units >= least && units <= Items.AMOUNT_MAX,
            AmountOutOfRange(units, least, Items.AMOUNT_MAX)
        );
        require(owner != address(0), ZeroOwner());
        _take(contract_, amount);
        item = inbox.enqueueDeposit(token, owner, account, units, msg.value);
        emit Deposited(item, msg.sender);
    }

    /// @inheritdoc IVault
    function depositToFund(uint16 group, uint128 amount)
        external
        onlyRole(TIMELOCK)
        nonReentrant
        returns (InboxCursor item)
    {
        require(
            amount != 0 && amount <= Items.AMOUNT_MAX, AmountOutOfRange(amount, 1, Items.AMOUNT_MAX)
        );
        _take(settlementToken, amount);
        item = inbox.enqueueFundDeposit(group, amount);
        emit FundDeposited(item, group, amount);
    }

    /// @inheritdoc IVault
    function claim(BatchIndex batch, AccountProof calldata proof, TokenId token)
        external
        nonReentrant
        returns (uint128 amount)
    {
        IERC20 contract_ = tokenOf[token];
        require(address(contract_) != address(0), UnknownToken(token));
        require(proof.account.isKey(), UnknownAccount(proof.account));
        Root expected = anchor.finalRoot(batch);
        Root computed = StateRoot.rootOf(proof);
        require(computed == expected, RootDiffers(computed, expected));
        address owner = AccountLeaf.owner(proof.words);
        require(owner != address(0), LeafWithoutOwner(proof.account));

        uint128 total = AccountLeaf.claimable(proof.words, token);
        uint128 before = paid[proof.account][token];
        if (total <= before) return 0;
        amount = total - before;
        paid[proof.account][token] = total;
        emit Claimed(proof.account, token, owner, amount, total, batch);
        uint256 scale = token == SETTLEMENT_TOKEN ? 1 : unitsOf[token].scale;
        contract_.safeTransfer(owner, amount * scale);
    }

    /// @inheritdoc IVault
    function registerToken(TokenId token, IERC20 contract_, uint128 lot, uint128 scale)
        external
        onlyRole(TIMELOCK)
    {
        bool isFree = token.isKnown() && address(tokenOf[token]) == address(0);
        require(isFree && address(contract_).code.length != 0, CannotRegister(token, contract_));
        for (uint8 other = 0; TokenId.wrap(other).isKnown(); ++other) {
            require(
                address(tokenOf[TokenId.wrap(other)]) != address(contract_),
                CannotRegister(token, contract_)
            );
        }
        bool hasUnits = lot != 0 && lot <= Items.AMOUNT_MAX && scale != 0 && scale <= SCALE_MAX;
        require(hasUnits, BadUnits(lot, scale));
        tokenOf[token] = contract_;
        unitsOf[token] = TokenUnits(lot, scale);
        emit TokenRegistered(token, contract_, lot, scale);
    }

    /// @inheritdoc IVault
    function setMinimumDeposit(uint128 minimum) external onlyRole(TIMELOCK) {
        minimumDeposit = minimum;
        emit MinimumDepositSet(minimum);
    }

    /// @inheritdoc IVault
    function pauseDeposits() external onlyRole(GUARDIAN) {
        depositsPaused = true;
        emit DepositsPaused(true);
    }

    /// @inheritdoc IVault
    function resumeDeposits() external onlyRole(GUARDIAN) {
        depositsPaused = false;
        emit DepositsPaused(false);
    }

    /// The base units of an amount of another token, which must be whole lots of its spot market.
    function _wholeLots(TokenId token, uint128 amount) private view returns (uint128) {
        TokenUnits memory units = unitsOf[token];
        require(units.scale != 0, NoSpotListing(token));
        uint256 step = uint256(units.lot) * units.scale;
        require(amount % step == 0, NotWholeLots(amount, step));
        return amount / units.scale;
    }

    /// Take exactly `amount` from the caller, or revert.
    function _take(IERC20 token, uint128 amount) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = token.balanceOf(address(this)) - before;
        // Exact on purpose: more than was sent is as odd as less.
        // slither-disable-next-line incorrect-equality
        require(received == amount, TransferIsNotExact(received, amount));
    }
}

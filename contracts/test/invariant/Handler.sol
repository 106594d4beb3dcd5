// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Anchor} from "../../src/Anchor.sol";
import {Inbox} from "../../src/Inbox.sol";
import {TestToken} from "../../src/TestToken.sol";
import {Vault} from "../../src/Vault.sol";
import {Batch, BatchHeader} from "../../src/interfaces/IAnchor.sol";
import {AccountProof} from "../../src/libraries/StateRoot.sol";
import {AccountIndex} from "../../src/types/AccountIndex.sol";
import {BatchIndex} from "../../src/types/BatchIndex.sol";
import {InboxCursor} from "../../src/types/InboxCursor.sol";
import {Root} from "../../src/types/Root.sol";
import {TimeMs, TimeNs, blockTimeNs} from "../../src/types/Time.sol";
import {SETTLEMENT_TOKEN} from "../../src/types/TokenId.sol";
import {Ledger} from "../support/Ledger.sol";
import {Test} from "../support/Test.sol";

/// Everyone at once, at random: depositors, an honest venue that takes items and posts, people who
/// finalise, claim (with good and bad proofs), pause, freeze, and time. It keeps its own books; the
/// invariants compare. Every call it makes goes through, or is expected to be refused.
contract Handler is Test {
    uint256 private constant ACCOUNTS = 5; // 1 to 5 of the ledger, opened in advance

    Vault private immutable vault;
    Inbox private immutable inbox;
    Anchor private immutable anchor;
    TestToken private immutable token;
    Ledger private immutable ledger;
    address private immutable poster;
    address private immutable guardian;

    // The venue's books.
    uint256[ACCOUNTS + 1] public cash;
    uint256[ACCOUNTS + 1] public claimable;
    uint256 public taken; // items in the next state
    uint256[] public itemAccount; // of each inbox item; 0 is not a deposit
    uint256[] public itemAmount;
    bytes32[] public itemHash; // inbox hash behind each
    uint256[] public itemDueMs;

    // What the chain should have done.
    uint256 public deposited;
    uint256 public paidOut;
    uint256[ACCOUNTS + 1] public paidTo;
    uint256[ACCOUNTS + 1] public mostFinal; // largest final claimable that was claimed
    bytes32[] public roots; // of each batch
    bool public frozen;
    uint256 public frozenAt; // batches when it froze
    mapping(bytes32 name => uint256) public calls;

    // Proofs that the ledger gave at each batch.
    AccountProof[ACCOUNTS + 1][] private _proofs;
    uint256[ACCOUNTS + 1][] public claimableAt;

    constructor(
        Vault vault_,
        Inbox inbox_,
        Anchor anchor_,
        TestToken token_,
        Ledger ledger_,
        address poster_,
        address guardian_
    ) {
        (vault, inbox, anchor, token) = (vault_, inbox_, anchor_, token_);
        (ledger, poster, guardian) = (ledger_, poster_, guardian_);
        roots.push(Root.unwrap(ledger_.root()));
        _proofs.push();
        claimableAt.push();
    }

    function owner(uint256 account) public pure returns (address) {
        return vm.addr(1000 + account);
    }

    function batches() external view returns (uint256) {
        return roots.length;
    }

    function items() external view returns (uint256) {
        return itemHash.length;
    }

    function deposit(uint256 account, uint256 amount) external {
        account = bound(account, 1, ACCOUNTS);
        uint128 units = uint128(bound(amount, 1_000_000, 1e15));
        address user = owner(account);
        token.mint(user, units);
        uint256 fee = inbox.feeWei();
        vm.deal(user, fee);
        vm.startPrank(user);
        token.approve(address(vault), units);
        AccountIndex index = AccountIndex.wrap(uint32(account));
        if (frozen || vault.depositsPaused()) {
            vm.expectRevert();
        } else {
            _putIn(account, units, abi.encodePacked(uint16(0x0100), uint8(0), user, index, units));
        }
        vault.deposit{value: fee}(SETTLEMENT_TOKEN, units, user, index);
        vm.stopPrank();
        if (!frozen && !vault.depositsPaused()) deposited += units;
        ++calls["deposit"];
    }

    function forceWithdrawal(uint256 account, uint256 amount) external {
        account = bound(account, 1, ACCOUNTS);
        uint128 units = uint128(bound(amount, 1, 1e15));
        address user = owner(account);
        AccountIndex index = AccountIndex.wrap(uint32(account));
        uint256 fee = inbox.feeWei();
        vm.deal(user, fee);
        if (frozen) vm.expectRevert();
        else _putIn(0, 0, abi.encodePacked(uint16(0x0800), index, user, uint8(0), units));
        vm.prank(user);
        inbox.forceWithdrawal{value: fee}(index, SETTLEMENT_TOKEN, units);
        ++calls["forceWithdrawal"];
    }

    /// The venue takes some items, moves some cash to claimable, and posts.
    function post(uint256 items_, uint256 account, uint256 withdraw) external {
        uint256 until = bound(items_, taken, itemHash.length);
        if (until < itemHash.length && itemDueMs[until] < block.timestamp * 1000) {
            until = itemHash.length; // it must take what is overdue
        }
        BatchHeader memory made = _header(until);
        bool refused = frozen || anchor.postingPaused();
        if (!refused) {
            _take(until);
            account = bound(account, 1, ACCOUNTS);
            uint256 amount = cash[account] == 0 ? 0 : bound(withdraw, 0, cash[account]);
            cash[account] -= amount;
            claimable[account] += amount;
            ledger.setClaimable(account, 0, uint128(claimable[account]));
            ledger.touch();
            made.stateRoot = ledger.root();
            roots.push(Root.unwrap(made.stateRoot));
            _keepProofs();
        }
        if (refused) vm.expectRevert();
        vm.prank(poster);
        anchor.postCalldata(made, hex"01");
        ++calls["post"];
    }

    function finalise(uint256 batch) external {
        batch = bound(batch, 0, roots.length);
        BatchIndex index = BatchIndex.wrap(uint64(batch));
        bool good = batch < roots.length && index > anchor.lastFinal();
        if (good) {
            uint256 posted = TimeNs.unwrap(anchor.batch(index).posted);
            good = block.timestamp * 1e9 >= posted + anchor.windowNs();
        }
        if (!good) vm.expectRevert();
        anchor.finalise(index);
        ++calls[good ? bytes32("finalise") : bytes32("finalise refused")];
    }

    function claim(uint256 batch, uint256 account, address sender) external {
        uint256 final_ = BatchIndex.unwrap(anchor.lastFinal());
        if (final_ == 0) return;
        batch = bound(batch, 1, final_);
        account = bound(account, 1, ACCOUNTS);
        uint256 amount = claimableAt[batch][account];
        if (amount > mostFinal[account]) mostFinal[account] = amount;
        vm.prank(sender);
        uint256 paid =
            vault.claim(BatchIndex.wrap(uint64(batch)), _proofs[batch][account], SETTLEMENT_TOKEN);
        paidTo[account] += paid;
        paidOut += paid;
        ++calls[paid == 0 ? bytes32("claim of nothing") : bytes32("claim")];
    }

    /// A proof against a batch that is not final, or another batch's root, or with a changed word.
    function claimWrongly(uint256 batch, uint256 account, uint256 word, uint256 change) external {
        uint256 last = roots.length - 1;
        uint256 final_ = BatchIndex.unwrap(anchor.lastFinal());
        if (last == 0) return;
        batch = bound(batch, 1, last);
        account = bound(account, 1, ACCOUNTS);
        AccountProof memory proof = _proofs[batch][account];
        if (batch <= final_) {
            word = bound(word, 0, 41);
            bytes32 flip = bytes32(bound(change, 1, type(uint256).max));
            if (word < 9) proof.words[word] ^= flip;
            else if (word < 37) proof.siblings[word - 9] ^= flip;
            else proof.otherRoots[word - 37] ^= flip;
        }
        vm.expectRevert();
        vault.claim(BatchIndex.wrap(uint64(batch)), proof, SETTLEMENT_TOKEN);
        ++calls["claim refused"];
    }

    function pause(uint8 what) external {
        vm.startPrank(guardian);
        if (what % 6 == 0) vault.pauseDeposits();
        else if (what % 6 == 1) anchor.pausePosting();
        else if (what % 2 == 0) vault.resumeDeposits();
        else anchor.resumePosting();
        vm.stopPrank();
        ++calls["pause"];
    }

    /// Anyone tries to freeze; it works exactly when the first open item is overdue.
    function freeze() external {
        uint256 posted = InboxCursor.unwrap(anchor.batch(anchor.lastBatch()).inboxCursor);
        bool overdue = posted < itemHash.length && itemDueMs[posted] < block.timestamp * 1000;
        bool good = overdue && !frozen;
        if (!good) vm.expectRevert();
        anchor.freeze();
        if (good) {
            frozen = true;
            frozenAt = roots.length;
            ++calls["freeze"];
        }
    }

    function wait(uint256 seconds_) external {
        uint256 hour = 3600;
        vm.warp(block.timestamp + bound(seconds_, 1, 6 * hour));
        ++calls["wait"];
    }

    function _putIn(uint256 account, uint256 amount, bytes memory item) private {
        bytes32 before = itemHash.length == 0 ? bytes32(0) : itemHash[itemHash.length - 1];
        uint256 due = block.timestamp * 1000 + inbox.serviceDelayMs();
        if (itemDueMs.length != 0) {
            uint256 spaced = itemDueMs[itemDueMs.length - 1] + inbox.spacingMs();
            if (spaced > due) due = spaced;
        }
        itemHash.push(keccak256(abi.encodePacked(before, keccak256(item))));
        itemAccount.push(account);
        itemAmount.push(amount);
        itemDueMs.push(due);
    }

    function _take(uint256 until) private {
        for (; taken < until; ++taken) {
            cash[itemAccount[taken]] += itemAmount[taken];
        }
    }

    function _header(uint256 until) private view returns (BatchHeader memory made) {
        BatchIndex last = anchor.lastBatch();
        made.index = last.next();
        made.previousRoot = anchor.batch(last).stateRoot;
        made.stateRoot = Root.wrap(bytes32(uint256(1)));
        made.inboxCursor = InboxCursor.wrap(uint64(until));
        made.inboxHash = until == 0 ? bytes32(0) : itemHash[until - 1];
        made.firstTime = blockTimeNs();
        made.lastTime = blockTimeNs();
        made.inputCount = 1;
    }

    function _keepProofs() private {
        _proofs.push();
        claimableAt.push();
        uint256 last = _proofs.length - 1;
        for (uint256 account = 1; account <= ACCOUNTS; ++account) {
            _proofs[last][account] = ledger.proof(account);
            claimableAt[last][account] = claimable[account];
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

import {Anchor} from "../../src/Anchor.sol";
import {Custody, CustodyParameters} from "../../src/Custody.sol";
import {Inbox} from "../../src/Inbox.sol";
import {Roles} from "../../src/Roles.sol";
import {TestToken} from "../../src/TestToken.sol";
import {Vault} from "../../src/Vault.sol";
import {BatchHeader} from "../../src/interfaces/IAnchor.sol";
import {InboxParameters} from "../../src/interfaces/IInbox.sol";
import {AccountProof} from "../../src/libraries/StateRoot.sol";
import {AccountIndex} from "../../src/types/AccountIndex.sol";
import {BatchIndex} from "../../src/types/BatchIndex.sol";
import {InboxCursor} from "../../src/types/InboxCursor.sol";
import {Root} from "../../src/types/Root.sol";
import {TimeNs, blockTimeNs} from "../../src/types/Time.sol";
import {SETTLEMENT_TOKEN, TokenId} from "../../src/types/TokenId.sol";
import {Ledger} from "./Ledger.sol";
import {Test} from "./Test.sol";

/// A venue's contracts, its people, and the few moves that most tests make.
abstract contract Venue is Test {
    uint256 internal constant START = 1_790_000_000; // a block's time, s
    uint48 internal constant SERVICE_DELAY_MS = 24 * 3_600_000;
    uint48 internal constant SPACING_MS = 10;
    uint256 internal constant BASE_FEE_WEI = 1e12;
    uint32 internal constant WINDOW_SECONDS = 3600;
    uint128 internal constant MINIMUM_DEPOSIT = 1_000_000;
    uint128 internal constant USD = 1_000_000;
    AccountIndex internal constant NEW_ACCOUNT = AccountIndex.wrap(0);

    address internal poster = vm.addr(11);
    address internal guardian = vm.addr(12);
    address internal proposer = vm.addr(13);
    address internal alice = vm.addr(21);
    address internal bob = vm.addr(22);
    address internal stranger = vm.addr(31);

    IERC20Metadata internal token;
    Ledger internal ledger;
    Roles internal roles;
    Inbox internal inbox;
    Anchor internal anchor;
    Vault internal vault;
    address internal timelock;

    function setUp() public virtual {
        vm.warp(START);
        ledger = new Ledger();
        ledger.setOwner(1, alice);
        ledger.setOwner(2, bob);
        token = new TestToken("Test USD", "tUSD", 6);
        deploy(ledger.root());
        for (uint256 i = 0; i < 2; ++i) {
            address user = i == 0 ? alice : bob;
            TestToken(address(token)).mint(user, 1_000_000 * USD);
            vm.deal(user, 1 ether);
            vm.prank(user);
            token.approve(address(vault), type(uint256).max);
        }
        vm.deal(stranger, 1 ether);
        vm.deal(address(this), 1 ether);
    }

    function inboxParameters() internal pure virtual returns (InboxParameters memory) {
        return InboxParameters(SERVICE_DELAY_MS, SPACING_MS, BASE_FEE_WEI);
    }

    function parameters(Root genesis) internal view returns (CustodyParameters memory made) {
        made.settlementToken = token;
        made.minimumDeposit = MINIMUM_DEPOSIT;
        made.genesis = genesis;
        made.windowSeconds = WINDOW_SECONDS;
        made.inbox = inboxParameters();
        made.timelockDelaySeconds = 8 days;
        made.proposers = new address[](1);
        made.proposers[0] = proposer;
        made.executors = new address[](1); // the zero address: anyone executes
        made.poster = poster;
        made.guardian = guardian;
    }

    function deploy(Root genesis) internal {
        Custody custody = new Custody(parameters(genesis));
        timelock = address(custody.timelock());
        roles = custody.roles();
        inbox = custody.inbox();
        anchor = custody.anchor();
        vault = custody.vault();
    }

    function deposit(address from, uint128 amount) internal returns (InboxCursor) {
        uint256 fee = inbox.feeWei();
        vm.prank(from);
        return vault.deposit{value: fee}(SETTLEMENT_TOKEN, amount, from, NEW_ACCOUNT);
    }

    /// A header that the anchor accepts now: all items taken, the state `root`.
    function header(Root root) internal view returns (BatchHeader memory made) {
        BatchIndex last = anchor.lastBatch();
        made.index = last.next();
        made.previousRoot = anchor.batch(last).stateRoot;
        made.stateRoot = root;
        made.inboxCursor = inbox.length();
        made.inboxHash = inbox.headHash();
        made.firstTime = blockTimeNs();
        made.lastTime = blockTimeNs();
        made.inputCount = 1;
    }

    function post(BatchHeader memory made) internal {
        vm.prank(poster);
        anchor.postCalldata(made, hex"01");
    }

    /// Post a batch that ends in `root`, and wait until it is final.
    function makeFinal(Root root) internal returns (BatchIndex index) {
        BatchHeader memory made = header(root);
        post(made);
        vm.warp(block.timestamp + WINDOW_SECONDS);
        anchor.finalise(made.index);
        return made.index;
    }

    function claim(BatchIndex index, uint256 account) internal returns (uint128) {
        return vault.claim(index, ledger.proof(account), SETTLEMENT_TOKEN);
    }

    function secondsToNs(uint256 time) internal pure returns (TimeNs) {
        return TimeNs.wrap(uint64(time * 1e9));
    }
}

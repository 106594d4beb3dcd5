// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

import {Roles} from "../../src/Roles.sol";
import {TestToken} from "../../src/TestToken.sol";
import {Vault} from "../../src/Vault.sol";
import {IAnchor} from "../../src/interfaces/IAnchor.sol";
import {IInbox} from "../../src/interfaces/IInbox.sol";
import {AccountProof, StateRoot} from "../../src/libraries/StateRoot.sol";
import {AccountIndex} from "../../src/types/AccountIndex.sol";
import {BatchIndex} from "../../src/types/BatchIndex.sol";
import {InboxCursor} from "../../src/types/InboxCursor.sol";
import {Root} from "../../src/types/Root.sol";
import {SETTLEMENT_TOKEN, TokenId} from "../../src/types/TokenId.sol";
import {Test} from "../support/Test.sol";

/// An anchor whose final root is whatever the proof gives: the prover chooses every leaf freely, so
/// the properties hold for every state that can become final.
contract AnyRoot {
    Root public root;

    function set(AccountProof calldata proof) external {
        root = StateRoot.rootOf(proof);
    }

    function finalRoot(BatchIndex) external view returns (Root) {
        return root;
    }
}

/// An inbox that takes everything: the vault's own checks have to do.
contract AnyInbox {
    function enqueueDeposit(TokenId, address, AccountIndex, uint128, uint256)
        external
        pure
        returns (InboxCursor)
    {
        return InboxCursor.wrap(0);
    }

    function enqueueFundDeposit(uint16, uint128) external pure returns (InboxCursor) {
        return InboxCursor.wrap(0);
    }
}

/// Properties for every input, by symbolic execution: `nox -s halmos`. Functions named check_
/// must be proved, those named canary_ must be refuted: a prover that reaches nothing would not.
contract CustodyHalmos is Test {
    address private constant TIMELOCK_ = address(0x1111);
    address private constant POSTER_ = address(0x2222);
    address private constant GUARDIAN_ = address(0x3333);

    TestToken private token;
    AnyRoot private anchor;
    Vault private vault;

    function setUp() public {
        token = new TestToken("Test USD", "tUSD", 6);
        Roles roles = new Roles(TIMELOCK_, POSTER_, GUARDIAN_);
        anchor = new AnyRoot();
        vault = new Vault(
            roles,
            IInbox(address(new AnyInbox())),
            IAnchor(address(anchor)),
            IERC20Metadata(address(token)),
            1
        );
        token.mint(address(vault), type(uint128).max);
    }

    /// No path pays more than claimable: two claims of one account, of any two states, by anyone,
    /// pay the larger amount in sum, to the leaf's owner.
    function check_two_claims_pay_the_larger_claimable_once(
        address owner,
        uint128 first,
        uint128 second,
        address sender
    ) public {
        vm.assume(owner != address(0) && owner != address(vault));
        uint256 before = token.balanceOf(owner);
        uint256 paid = _claim(owner, first, sender);
        paid += _claim(owner, second, sender);
        uint256 larger = first > second ? first : second;
        assert(paid == larger);
        assert(token.balanceOf(owner) - before == larger);
        assert(token.balanceOf(address(vault)) == type(uint128).max - larger);
        assert(vault.paid(AccountIndex.wrap(1), SETTLEMENT_TOKEN) == larger);
    }

    /// Must be refuted: the sum of both is not what is paid.
    function canary_two_claims_pay_both(uint32 first, uint32 second) public {
        uint256 paid = _claim(address(0xA11CE), first, address(this));
        paid += _claim(address(0xA11CE), second, address(this));
        assert(paid == uint256(first) + second);
    }

    /// No role moves users' funds: whoever calls whatever of the vault but `claim`, with any
    /// arguments, its balance does not fall and what was paid stays what it was.
    function check_no_caller_takes_from_the_vault(
        address caller,
        uint8 choice,
        uint8 number,
        uint128 amount,
        address other,
        uint32 account
    ) public {
        _enrich(caller);
        uint256 before = token.balanceOf(address(vault));
        uint128 paid = vault.paid(AccountIndex.wrap(account), TokenId.wrap(number));
        vm.prank(caller);
        _call(choice, number, amount, other, account);
        assert(token.balanceOf(address(vault)) >= before);
        assert(vault.paid(AccountIndex.wrap(account), TokenId.wrap(number)) == paid);
        assert(address(vault.tokenOf(SETTLEMENT_TOKEN)) == address(token));
    }

    /// Must be refuted: the calls above do go through for who has the role.
    function canary_no_caller_changes_the_minimum(address caller, uint128 amount) public {
        vm.prank(caller);
        _call(1, 0, amount, address(0), 0);
        assert(vault.minimumDeposit() == 1);
    }

    /// The guardian's pauses change nothing for a claim.
    function check_claims_do_not_depend_on_pauses(uint128 amount, bool paused) public {
        if (paused) {
            vm.prank(GUARDIAN_);
            vault.pauseDeposits();
        }
        assert(_claim(address(0xA11CE), amount, address(this)) == amount);
    }

    /// Must be refuted: deposits and fund deposits of who has money do go through.
    function canary_no_caller_pays_in(address caller, bool fund) public {
        _enrich(caller);
        uint256 before = token.balanceOf(address(vault));
        vm.prank(caller);
        _call(fund ? 4 : 5, 0, 5, address(0xB0B), 1);
        assert(token.balanceOf(address(vault)) == before);
    }

    /// Give a caller money that the vault may take.
    function _enrich(address caller) private {
        vm.assume(caller != address(vault) && caller != address(0));
        token.mint(caller, type(uint128).max);
        vm.prank(caller);
        token.approve(address(vault), type(uint256).max);
    }

    function _call(uint8 choice, uint8 number, uint128 amount, address other, uint32 account)
        private
    {
        bytes memory data;
        if (choice == 0) {
            data = abi.encodeCall(
                vault.registerToken, (TokenId.wrap(number), IERC20(other), amount, amount)
            );
        } else if (choice == 1) {
            data = abi.encodeCall(vault.setMinimumDeposit, (amount));
        } else if (choice == 2) {
            data = abi.encodeCall(vault.pauseDeposits, ());
        } else if (choice == 3) {
            data = abi.encodeCall(vault.resumeDeposits, ());
        } else if (choice == 4) {
            data = abi.encodeCall(vault.depositToFund, (uint16(account), amount));
        } else {
            data = abi.encodeCall(
                vault.deposit, (TokenId.wrap(number), amount, other, AccountIndex.wrap(account))
            );
        }
        (bool ok,) = address(vault).call(data);
        if (!ok) return; // refused or not: what matters is what it left
    }

    function _claim(address owner, uint128 amount, address sender) private returns (uint256) {
        AccountProof memory proof;
        proof.account = AccountIndex.wrap(1);
        proof.words[0] = bytes32(uint256(uint160(owner)) << 32);
        proof.words[4] = bytes32(uint256(amount));
        anchor.set(proof);
        vm.prank(sender);
        return vault.claim(BatchIndex.wrap(1), proof, SETTLEMENT_TOKEN);
    }
}

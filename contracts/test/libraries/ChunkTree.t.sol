// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ChunkTree} from "../../src/libraries/ChunkTree.sol";
import {Test} from "../support/Test.sol";

contract ChunkTreeTest is Test {
    string private corpus = vm.readFile("test/data/chunks.json");

    function rootOf(bytes calldata data) external pure returns (bytes32) {
        return ChunkTree.rootOf(data);
    }

    function test_every_root_of_the_corpus() public view {
        uint256 count = 0;
        while (vm.keyExistsJson(corpus, _key(count, ""))) {
            bytes memory data = _data(vm.parseJsonUint(corpus, _key(count, ".length")));
            bytes32 expected = vm.parseJsonBytes32(corpus, _key(count, ".root"));
            vm.assertEq(this.rootOf(data), expected, _key(count, ""));
            ++count;
        }
        vm.assertEq(count, 10, "the corpus has 10 roots");
    }

    /// The last chunk is filled up with zeros, not with what follows the data in the calldata.
    function test_bytes_behind_the_data_do_not_count() public view {
        bytes memory call_ = abi.encodeCall(this.rootOf, (hex"01"));
        bytes32 clean = this.rootOf(hex"01");
        call_[call_.length - 1] = 0xff; // in the padding of the argument
        (bool ok, bytes memory result) = address(this).staticcall(call_);
        vm.assertTrue(ok, "the call");
        vm.assertEq(abi.decode(result, (bytes32)), clean, "bytes behind the data were hashed");
    }

    function testFuzz_a_changed_byte_changes_the_root(uint16 length, uint16 position, uint8 change)
        public
        view
    {
        uint256 bytes_ = bound(length, 1, 5000);
        bytes memory data = _data(bytes_);
        bytes32 before = this.rootOf(data);
        vm.assertEq(this.rootOf(_data(bytes_)), before, "the same data again");
        uint256 offset = bound(position, 0, bytes_ - 1);
        vm.assume(change != 0);
        data[offset] = bytes1(uint8(data[offset]) ^ change);
        vm.assertTrue(this.rootOf(data) != before, "one byte was changed");
    }

    function _data(uint256 length) private pure returns (bytes memory data) {
        data = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            data[i] = bytes1(uint8((7 * i + 3) % 256));
        }
    }

    function _key(uint256 position, string memory field) private pure returns (string memory) {
        return string.concat(".chunks[", vm.toString(position), "]", field);
    }
}

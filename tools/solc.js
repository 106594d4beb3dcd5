#!/usr/bin/env node
// Makes the compiler of the npm package `solc` (WebAssembly) answer like a native `solc` program,
// so that forge and slither can call it: no registry carries a native one.
//
//     solc.js --version
//     solc.js --standard-json [FILE]      input from FILE or from standard input
//     solc.js --base-path, --include-path, --allow-paths are accepted and ignored: forge sends
//                                         every source in the input
//
// Exit status: 0 when an answer was written (compiler errors are part of it), 2 for wrong usage.
"use strict";

const fs = require("fs");
const path = require("path");

const STANDARD_INPUT = 0;
const STANDARD_OUTPUT = 1;
const IGNORED_WITH_VALUE = new Set(["--base-path", "--include-path", "--allow-paths"]);

function fail(message) {
  process.stderr.write(`solc.js: ${message}\n`);
  process.exit(2);
}

// process.stdout.write followed by exit cuts a pipe off at 64 KiB; these writes wait.
function writeWhole(text) {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += fs.writeSync(STANDARD_OUTPUT, bytes, written);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

function loadCompiler() {
  const contracts = path.join(__dirname, "..", "contracts");
  try {
    return require(require.resolve("solc", { paths: [contracts] }));
  } catch (error) {
    return fail(`cannot load npm package solc (${error.message}); run tools/contracts.py install`);
  }
}

function readArguments(words) {
  const options = { version: false, standardJson: false, file: STANDARD_INPUT };
  for (let i = 0; i < words.length; i += 1) {
    if (words[i] === "--version") options.version = true;
    else if (words[i] === "--standard-json") options.standardJson = true;
    else if (IGNORED_WITH_VALUE.has(words[i])) i += 1;
    else if (words[i] === "-") options.file = STANDARD_INPUT;
    else if (!words[i].startsWith("-") && options.standardJson) options.file = words[i];
    else fail(`unknown argument ${words[i]}; expected --version or --standard-json [FILE]`);
  }
  return options;
}

const options = readArguments(process.argv.slice(2));
const compiler = loadCompiler();
if (options.version) {
  // forge takes the version from this line and expects the name of a native platform in it.
  const version = compiler.version().replace("Emscripten.clang", "Linux.g++");
  writeWhole(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (options.standardJson) {
  const missing = (file) => ({ error: `${file} is not part of the input` });
  writeWhole(compiler.compile(fs.readFileSync(options.file, "utf8"), { import: missing }));
} else {
  fail("nothing to do; expected --version or --standard-json [FILE]");
}

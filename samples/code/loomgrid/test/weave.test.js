import assert from "node:assert/strict";
import test from "node:test";

import { DraftError, longestFloat, parseDraft, toSvg, toText, weave } from "../src/index.js";

const TWILL = "1 2 3 4 / 12 23 34 41 / 1 2 3 4";

test("plain weave is a chessboard", () => {
  const cloth = weave(parseDraft("1 2 / 1 2 / 1 2"));
  assert.deepEqual(cloth, [
    [true, false],
    [false, true],
  ]);
  assert.equal(longestFloat(cloth), 1);
});

test("a twill climbs one thread with each pick", () => {
  assert.equal(toText(weave(parseDraft(TWILL))), "██··\n·██·\n··██\n█··█\nlongest float: 2");
});

test("a thread that never turns is reported", () => {
  assert.equal(longestFloat(weave(parseDraft("1 2 / 1 1 / 1 2"))), Infinity);
});

test("mistakes are named", () => {
  assert.throws(() => parseDraft("1 2 / 1 2"), DraftError);
  assert.throws(() => parseDraft("1 2 / 3 1 / 1 2"), /nothing is threaded/);
  assert.throws(() => parseDraft("1 2 / 1 2 / 3"), /only 2 are tied up/);
  assert.throws(() => parseDraft("1 x / 1 2 / 1"), /positive whole number/);
});

test("the picture has a cell for each crossing", () => {
  assert.equal(toSvg(weave(parseDraft(TWILL))).match(/<rect/g).length, 16);
});

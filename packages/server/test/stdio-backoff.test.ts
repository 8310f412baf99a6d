import { expect, test } from "vitest";

import { StartBackoff } from "../src/upstream/stdio/backoff.ts";

function atHand(): { now: number; backoff: StartBackoff } {
  const hand = { now: 1_000_000, backoff: undefined as unknown as StartBackoff };
  hand.backoff = new StartBackoff({ now: () => hand.now, elapsed: () => hand.now });
  return hand;
}

test("the wait doubles from 1 s to 30 s while starts fail, and is forgotten with the first that succeeds", () => {
  const hand = atHand();
  const steps = [];
  for (let n = 0; n < 7; n++) {
    const startedAt = hand.now;
    hand.now += 10;
    steps.push(hand.backoff.failed(startedAt));
    expect(hand.backoff.wait).toBe(steps.at(-1));
    hand.now += hand.backoff.wait;
    expect(hand.backoff.wait).toBe(0);
  }
  expect(steps).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  hand.backoff.succeeded();
  expect(hand.backoff.failed(hand.now)).toBe(1_000);
});

test("many starts that fail at once are one step", () => {
  const hand = atHand();
  const startedAt = hand.now;
  hand.now += 10;
  expect(hand.backoff.failed(startedAt)).toBe(1_000);
  expect(hand.backoff.failed(startedAt)).toBeUndefined();
  expect(hand.backoff.wait).toBe(1_000);
});

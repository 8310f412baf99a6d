import { expect, it } from "vitest";

import { Place } from "../src/ring.ts";

it("holds its members in the order of entering, until they leave", () => {
  const ring = new Place<string>(undefined);
  const [a, b, c] = ["a", "b", "c"].map((one) => new Place(one));
  for (const place of [a, b, c]) place?.enter(ring);
  expect(ring.values()).toEqual(["a", "b", "c"]);
  b?.leave();
  b?.leave();
  expect(ring.values()).toEqual(["a", "c"]);
  a?.leave();
  c?.leave();
  expect(ring.values()).toEqual([]);
});

it("can be walked while any of its members leave", () => {
  const ring = new Place<number>(undefined);
  const places = [0, 1, 2, 3].map((one) => new Place(one));
  for (const place of places) place.enter(ring);
  const walked: number[] = [];
  for (const value of ring.values()) {
    walked.push(value);
    // The one after this: where a walk along the ring itself would never end.
    places[value + 1]?.leave();
  }
  expect(walked).toEqual([0, 1, 2, 3]);
  expect(ring.values()).toEqual([0]);
});

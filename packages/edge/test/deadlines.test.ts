import { expect, it } from "vitest";

import { Deadlines } from "../src/deadlines.ts";

it("ends each wait at its limit, in order, and none that is over before", async () => {
  const deadlines = new Deadlines(30);
  const expired: string[] = [];
  const last = new Promise<void>((resolve) => {
    deadlines.begin(() => expired.push("first"));
    const ended = deadlines.begin(() => expired.push("ended"));
    // From inside an expiry: the list goes on while it is swept.
    deadlines.begin(() => {
      expired.push("second");
      deadlines.begin(() => {
        expired.push("third");
        resolve();
      });
    });
    ended.leave();
  });
  // The limit does not keep a process alive; this does.
  const alive = setInterval(() => undefined, 1_000);
  await last;
  clearInterval(alive);
  expect(expired).toEqual(["first", "second", "third"]);
});

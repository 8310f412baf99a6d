import { promises as files } from "node:fs";

import { expect, test } from "vitest";

import { caller, fixture, INITIALIZE, isAlive, openBridge } from "./stdio-harness.ts";

const descriptors = async (): Promise<number> => (await files.readdir("/proc/self/fd")).length;

test.runIf(process.platform === "linux")(
  "a thousand sessions that are opened and abandoned leave no child and no descriptor",
  async () => {
    const tiny = { command: "/bin/sh", args: [fixture("stdio-tiny.sh")], idleTtl: 1_000, maxChildren: 4_096 };
    await using bridge = await openBridge(tiny);
    // The watchdog stays: it is there before anything is counted.
    await caller(bridge.url).post(INITIALIZE);
    const before = await descriptors();
    const workers = Array.from({ length: 10 }, async () => {
      for (let n = 0; n < 100; n++) {
        const response = await caller(bridge.url).post(INITIALIZE);
        expect(response.headers.get("mcp-session-id")).not.toBeNull();
        await response.arrayBuffer();
      }
    });
    await Promise.all(workers);
    const left = (): number[] => [bridge.upstream.sessionCount, bridge.upstream.childCount];
    await expect.poll(left, { timeout: 30_000 }).toEqual([0, 0]);
    // The connections of those that called stay for a while.
    expect(await descriptors()).toBeLessThan(before + 100);
    const started = bridge.log.filter((one) => one.message === "child started");
    expect(started).toHaveLength(1_001);
    const pids = started.map(({ fields }) => fields["pid"] as number);
    expect(pids.filter(isAlive)).toEqual([]);
  },
  90_000,
);

import { array, assert, property, stringMatching } from "fast-check";
import { describe, expect, test } from "vitest";
import { nearestOf } from "@smcp/config";
import { isNetwork } from "../src/network.ts";

describe("the nearest name", () => {
  test.each([
    ["prot", "port"],
    ["readTimeout", "read_timeout"],
    ["read-timeout", "read_timeout"],
    ["hots", "host"],
    ["zebra", undefined],
    ["", undefined],
  ])("of %s is %s", (name, expected) => {
    expect(nearestOf(name, ["host", "port", "read_timeout", "constructor"])).toBe(expected);
  });

  test("of a known name is that name", () => {
    assert(
      property(array(stringMatching(/^[a-z_]{1,20}$/), { minLength: 1 }), (names) => {
        const [first = ""] = names;
        const found = nearestOf(first, names) ?? "";
        expect(found.replaceAll("_", "")).toBe(first.replaceAll("_", ""));
      }),
    );
  });
});

describe("an address or a network", () => {
  test.each(["10.0.0.0/8", "127.0.0.1", "0.0.0.0/0", "::/0", "::1", "2001:db8::/32", "::ffff:10.0.0.1"])(
    "%s",
    (text) => {
      expect(isNetwork(text)).toBe(true);
    },
  );
  test.each([
    "",
    "10.0.0",
    "10.0.0.0/33",
    "010.0.0.1",
    "256.1.1.1",
    "10.0.0.0/",
    "10.0.0.0/08",
    "::1/129",
    "a.b",
    "localhost",
    "1:2",
    "10.0.0.0/8/8",
    "[::1]",
  ])("not %j", (text) => {
    expect(isNetwork(text)).toBe(false);
  });
});

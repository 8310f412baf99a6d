import { statSync, writeFileSync } from "node:fs";

import { silentLog } from "@smcp/core";
import { describe, expect, test } from "vitest";

import { openSessionStore } from "../src/store/open.ts";
import { readPin, writePin } from "../src/store/pins.ts";
import { pinFile, placeOf } from "../src/store/place.ts";
import { storedPlaces, storedServers } from "../src/store/stored.ts";
import { settingsFor } from "./settings.ts";
import { placeIn, sampleSession, scratchFolder } from "./state-folder.ts";

describe("the place of a sign-in", () => {
  const base = { stateFolder: "/state", tokenStore: "file" } as const;

  test("is another one for everything that makes another sign-in", () => {
    const keys = [
      placeOf(settingsFor("https://mcp.example.com", base)),
      placeOf(settingsFor("https://mcp.example.com/team", base)),
      placeOf(settingsFor("https://mcp.example.com:8443", base)),
      placeOf(settingsFor("https://mcp.example.com", { ...base, profile: "work" })),
      ...[
        { issuer: "https://idp.example.com" },
        { clientId: "laptop" },
        { audience: "api" },
        { resource: "off" },
        { scopes: ["openid", "groups"] },
      ].map((oidc) => placeOf(settingsFor("https://mcp.example.com", { ...base, oidc }))),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("is the same whatever the flow, the order of scopes, a slash at the server's end, the kind of store", () => {
    const keys = [
      placeOf(settingsFor("https://mcp.example.com", { ...base, oidc: { scopes: ["a", "b"] } })),
      placeOf(settingsFor("https://MCP.example.com:443/", { ...base, oidc: { scopes: ["b", "a"], flow: "device" } })),
      placeOf(settingsFor("https://mcp.example.com", { ...base, tokenStore: "auto", oidc: { scopes: ["a", "b"] } })),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(1);
  });

  test("all sign-ins of a server and profile are found, and the servers of a profile", async () => {
    const folder = scratchFolder();
    expect([await storedPlaces(placeIn(folder)), await storedServers(folder, "default")]).toEqual([[], []]);
    const places = [placeIn(folder), placeIn(folder, "file", { oidc: { scopes: ["other"] } })];
    const others = [
      placeIn(folder, "file", { profile: "work" }),
      placeOf(settingsFor("https://other.example.com", { ...base, stateFolder: folder })),
    ];
    for (const place of [...places, ...others]) await (await openSessionStore(place, silentLog)).write(sampleSession());

    const keys = (await storedPlaces(placeIn(folder))).map(({ key }) => key);
    expect(keys.toSorted()).toEqual(places.map(({ key }) => key).toSorted());
    expect(await storedServers(folder, "default")).toEqual(["https://mcp.example.com", "https://other.example.com"]);
    expect(await storedServers(folder, "work")).toEqual(["https://mcp.example.com"]);
  });
});

describe("a pin", () => {
  test("is kept for every sign-in of a server and profile, and outlives them", async () => {
    const folder = scratchFolder();
    const [place, other] = [placeIn(folder), placeIn(folder, "auto", { oidc: { scopes: ["other"] } })];
    const pin = { issuer: "https://idp.example.com", registeredClientId: "dyn-1" };
    expect(await readPin(place)).toBeUndefined();
    expect(await writePin(place, pin)).toBe(true);
    expect(await readPin(other)).toEqual(pin);
    expect(await readPin(placeIn(folder, "file", { profile: "work" }))).toBeUndefined();
    expect((statSync(pinFile(place)).mode & 0o777).toString(8)).toBe("600");
  });

  test.each(["", "{}", '{"issuer":1}', '{"issuer":"not a URL"}'])("that says %j is none", async (text) => {
    const place = placeIn(scratchFolder());
    await writePin(place, { issuer: "https://idp.example.com" });
    writeFileSync(pinFile(place), text);
    expect(await readPin(place)).toBeUndefined();
  });

  test("that cannot be written is told", async () => {
    expect(await writePin(placeIn("/proc/smcp-cannot-be/here"), { issuer: "https://idp.example.com" })).toBe(false);
  });
});

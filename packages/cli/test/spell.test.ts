import { describe, expect, test } from "vitest";
import type { Flag } from "@smcp/config";
import { spell } from "../src/spell.ts";

const flags: readonly Flag[] = [
  { name: "port", kind: "integer", description: "" },
  { name: "metrics", kind: "switch", description: "" },
  { name: "open", kind: "switch", description: "" },
  { name: "log-level", kind: "string", alias: "l", description: "" },
  { name: "allow-host", kind: "list", description: "" },
  { name: "oidc-client-secret", kind: "string", description: "", secret: true },
];

function spelt(...args: string[]): string[] {
  return spell(args, flags, "smcp client");
}

describe("every spelling that Go programs take", () => {
  test.each([
    [["--port=8081"], ["--port=8081"]],
    [["--port", "8081"], ["--port=8081"]],
    [["-port=8081"], ["--port=8081"]],
    [["-port", "8081"], ["--port=8081"]],
    [["-l", "debug"], ["--log-level=debug"]],
    [["-l=debug"], ["--log-level=debug"]],
    [["-ldebug"], ["--log-level=debug"]],
    [["--log-level=a=b"], ["--log-level=a=b"]],
    [["--metrics"], ["--metrics=true"]],
    [["--metrics=false"], ["--metrics=false"]],
    [["--metrics=0"], ["--metrics=false"]],
    [["--metrics=T"], ["--metrics=true"]],
    [["--no-open"], ["--open=false"]],
    [["--port="], ["--port="]],
    [["--oidc-client-secret=-x"], ["--oidc-client-secret=-x"]],
    [["--log-level", "-"], ["--log-level=-"]],
    [["--port=1", "--port=2"], ["--port=2"]],
    [["--allow-host=a", "--allow-host", "b,c"], ["--allow-host=a,b,c"]],
    [["--help"], ["--help"]],
    [
      ["-h", "--port=1"],
      ["--help", "--port=1"],
    ],
    [[], []],
  ])("%j", (args, expected) => {
    expect(spelt(...args)).toEqual(expected);
  });
});

describe("anything else is an error that says what to do", () => {
  test.each([
    [["--prot=1"], 'the flag "--prot" is not known', 'did you mean "--port"? see smcp client --help'],
    [["--prot", "1"], 'the flag "--prot" is not known', 'did you mean "--port"? see smcp client --help'],
    [["-x"], 'the flag "-x" is not known', "see smcp client --help"],
    [["--constructor.prototype.x=1"], 'the flag "--constructor.prototype.x" is not known', "see smcp client --help"],
    [["--__proto__=1"], 'the flag "--__proto__" is not known', "see smcp client --help"],
    [["--toString"], 'the flag "--toString" is not known', "see smcp client --help"],
    [["--no-port"], 'the flag "--no-port" is not known', 'did you mean "--port"? see smcp client --help'],
    [["--port"], 'the flag "--port" needs a value', 'write --port=VALUE; a value that begins with "-" needs this form'],
    [["-l"], 'the flag "-l" needs a value', 'write -l=VALUE; a value that begins with "-" needs this form'],
    [
      ["--oidc-client-secret", "-x"],
      'the flag "--oidc-client-secret" needs a value',
      'write --oidc-client-secret=VALUE; a value that begins with "-" needs this form',
    ],
    [["--metrics=yes"], 'the flag "--metrics=yes" takes true or false', "write --metrics or --metrics=false"],
    [
      ["--metrics", "false"],
      'the argument "false" is not a flag',
      "see smcp client --help; a switch takes its value as --name=false",
    ],
    [["--"], 'the argument "--" is not a flag', "see smcp client --help; a switch takes its value as --name=false"],
    [["--help=1"], 'the flag "--help" is not known', 'did you mean "--help"? see smcp client --help'],
  ])("%j", (args, message, hint) => {
    expect(() => spelt(...args)).toThrow(expect.objectContaining({ message, hint, exitCode: 2 }));
  });

  test("and never repeats the value of an unknown flag", () => {
    expect(() => spelt("--oidc-client-secrets=hunter2")).toThrow(
      expect.objectContaining({ message: 'the flag "--oidc-client-secrets" is not known' }),
    );
  });
});

/** A stdio MCP server that answers every request with a small result, one line for one line. */
let rest = "";
process.stdin.setEncoding("utf8").on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  let out = "";
  for (const line of lines) {
    const id = /"id":(\d+)/.exec(line)?.[1];
    if (id === undefined) continue;
    const result = line.includes('"initialize"')
      ? '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}}'
      : `{"content":[{"type":"text","text":"${"y".repeat(120)}"}]}`;
    out += `{"jsonrpc":"2.0","id":${id},"result":${result}}\n`;
  }
  if (out) process.stdout.write(out);
});
process.stdin.on("end", () => process.exit(0));

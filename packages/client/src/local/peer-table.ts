/**
 * Reads Linux's tables of TCP sockets (`/proc/net/tcp`, `tcp6`): whose socket is at the other end of a connection of this
 * machine. Pure text.
 */
import { endianness } from "node:os";

/** One end of a connection, as Node tells it. */
export interface End {
  readonly address: string;
  readonly port: number;
}

/** A socket of the table. */
export interface TableEntry {
  readonly uid: number;
  /** False once no process has it open: the table then says that it is root's. */
  readonly isHeld: boolean;
}

/** The tables as they were read at one moment. */
export interface Tables {
  readonly tcp: string;
  /** "" on a machine without IPv6. */
  readonly tcp6: string;
}

const MAPPED = "::ffff:";

/** The socket that is bound to `local` and connected to `remote`. */
export function findSocket({ tcp, tcp6 }: Tables, local: End, remote: End): TableEntry | undefined {
  const [here, there] = [plain(local), plain(remote)];
  if (here.address.includes(":") !== there.address.includes(":")) return undefined;
  if (here.address.includes(":")) return findIn(tcp6, here, there);
  // A socket of the new family may speak the old one.
  return findIn(tcp, here, there) ?? findIn(tcp6, mapped(here), mapped(there));
}

function findIn(table: string, local: End, remote: End): TableEntry | undefined {
  const ends = `: ${inHex(local)} ${inHex(remote)} `;
  const at = table.indexOf(ends);
  if (at < 0) return undefined;
  const end = table.indexOf("\n", at);
  const line = table.slice(at + ends.length, end < 0 ? undefined : end);
  // State, queues, timer, retransmits, uid, time-out, inode.
  const [, , , , uid, , inode] = line.trim().split(/\s+/);
  return uid === undefined || inode === undefined ? undefined : { uid: Number(uid), isHeld: inode !== "0" };
}

function plain({ address, port }: End): End {
  const [bare = ""] = address.toLowerCase().split("%", 1);
  const isMapped = bare.startsWith(MAPPED) && bare.includes(".");
  return { address: isMapped ? bare.slice(MAPPED.length) : bare, port };
}

function mapped({ address, port }: End): End {
  return { address: MAPPED + address, port };
}

function inHex({ address, port }: End): string {
  const bytes = bytesOf(address);
  let hex = "";
  // The kernel prints 32-bit words as numbers of this machine.
  for (let word = 0; word < bytes.length; word += 4) {
    const four = bytes.slice(word, word + 4);
    for (const byte of endianness() === "LE" ? four.toReversed() : four) hex += byte.toString(16).padStart(2, "0");
  }
  return `${hex}:${port.toString(16).padStart(4, "0")}`.toUpperCase();
}

function bytesOf(address: string): number[] {
  if (!address.includes(":")) return address.split(".").map(Number);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const [, before = "", last = ""] = dotted ?? [];
  const tail = dotted ? bytesOf(last) : [];
  const [head = "", rest] = (dotted ? before.replace(/(?<!:):$/, "") : address).split("::");
  const first = wordsOf(head);
  const second = wordsOf(rest ?? "");
  const missing = 16 - tail.length - first.length - second.length;
  return [...first, ...Array.from({ length: Math.max(0, missing) }, () => 0), ...second, ...tail];
}

function wordsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((word) => {
    const value = Number.parseInt(word || "0", 16);
    return [value >> 8, value & 0xff];
  });
}

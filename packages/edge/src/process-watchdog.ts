/**
 * The last guard against orphans: a shell of one megabyte that is told of every process group and, when this process
 * dies without a word (KILL, out of memory), ends them. The script is constant; what it reads are numbers.
 */
import { spawn, type ChildProcess } from "node:child_process";

const SCRIPT = `
trap '' HUP INT TERM
groups=
while read -r what group; do
  rest=
  for one in $groups; do [ "$one" = "$group" ] || rest="$rest $one"; done
  groups=$rest
  [ "$what" = watch ] && groups="$groups $group"
done
[ -n "$groups" ] || exit 0
for one in $groups; do kill -TERM "-$one"; done
sleep 2
for one in $groups; do kill -KILL "-$one"; done
`;

/** Process groups that are not to outlive this process. */
export interface Watchdog {
  watch(leader: number): void;
  forget(leader: number): void;
}

/** Gives a watchdog; its shell is started with the first group and again should it die. Without `/bin/sh` it does nothing. */
export function createWatchdog(): Watchdog {
  const groups = new Set<number>();
  let shell: ChildProcess | undefined;
  const tell = (line: string): void => {
    shell?.stdin?.write(`${line}\n`);
  };
  const start = (): void => {
    // A session of its own: Ctrl-C on the terminal must not reach it before its work is done.
    const started = spawn("/bin/sh", ["-c", SCRIPT], {
      detached: true,
      cwd: "/",
      env: {},
      stdio: ["pipe", "ignore", "ignore"],
    });
    const lost = (): void => {
      if (shell === started) shell = undefined;
    };
    started.on("error", lost).on("exit", lost).unref();
    started.stdin.on("error", lost);
    // The pipe closes with this process; until then it must not keep it alive.
    (started.stdin as unknown as { unref(): void }).unref();
    shell = started;
    for (const leader of groups) tell(`watch ${leader}`);
  };
  return {
    watch(leader) {
      groups.add(leader);
      if (shell) tell(`watch ${leader}`);
      else start();
    },
    forget(leader) {
      if (groups.delete(leader)) tell(`forget ${leader}`);
    },
  };
}

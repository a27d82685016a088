/**
 * Ends the database when Herald is gone, however it ended: by a small shell that waits on a pipe which only Herald holds.
 *
 *   EM3  It ends the very process that it was begun for, known by its number and the moment it was started, and no other that has the number
 *        since: neither another's database nor the one of Herald's next start.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { Owner } from "./Binaries.ts"

export interface Watcher {
  /** Call it when there is nothing left to watch. */
  readonly end: () => Promise<void>
}

/** $1: the process. `read` ends with the pipe. Field 22 of /proc/…/stat is when the process began; a name before it may have blanks. */
const SCRIPT = `
began() {
  if [ -r "/proc/$1/stat" ]; then
    IFS= read -r line < "/proc/$1/stat" || return
    set -- \${line##*) }
    shift 19
    echo "$1"
  elif [ ! -d /proc/self ]; then
    ps -o lstart= -p "$1"
  fi
}
first=$(began "$1")
read -r _
for signal in INT QUIT KILL; do
  tries=0
  while [ "$tries" -lt 50 ]; do
    [ -n "$first" ] && [ "$(began "$1")" = "$first" ] || exit 0
    [ "$tries" = 0 ] && kill -s "$signal" "$1"
    sleep 0.1
    tries=$((tries + 1))
  done
done
`

/** `owner`: the process's user. `name`: shown in lists of processes. On Windows, which has no such shell, the next start ends what was left. */
export const watch = (pid: number, owner: Owner | undefined, name: string): Watcher => {
  if (process.platform === "win32") return { end: async () => {} }
  const child = spawn("/bin/sh", ["-c", SCRIPT, name, String(pid)], {
    ...owner,
    cwd: "/",
    // In a session of its own: Ctrl-C is for Herald, and a terminal that closes takes Herald only.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: process.env["PATH"] }
  })
  child.on("error", () => {}) // no shell: as on Windows
  child.stdin?.on("error", () => {})
  child.unref()
  return {
    end: async () => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      const over = once(child, "exit")
      child.ref()
      child.kill("SIGKILL")
      await over
    }
  }
}

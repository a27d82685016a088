/** The processes of a PostgreSQL on this machine: to be killed and frozen. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** Undefined while it does not serve. Its pid file (PostgreSQL 18, miscadmin.h) says so. `cluster`: its data folder. */
export const postmasterOf = (cluster: string): number | undefined => {
  const file = join(cluster, "postmaster.pid")
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : []
  return lines[7]?.trim() === "ready" ? Number(lines[0]) : undefined
}

/** Itself, and the processes that it started. */
export const processesOf = (postmaster: number): ReadonlyArray<number> => {
  const children = readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(postmaster)
      } catch {
        return false // it has ended
      }
    })
  return [postmaster, ...children]
}

export const tell = (pids: ReadonlyArray<number>, signal: NodeJS.Signals): void => {
  for (const pid of pids)
    try {
      process.kill(pid, signal)
    } catch {
      // it has ended
    }
}

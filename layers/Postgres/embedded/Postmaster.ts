/** Starts one PostgreSQL process, waits until it serves, and stops it. Its pid file (PostgreSQL 18, miscadmin.h) says how it is. */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Binaries } from "./Binaries.ts"
import { watch } from "./Watcher.ts"

export interface Postmaster {
  readonly process: ChildProcess
  /** Resolves when the process and its watcher have ended. */
  readonly ended: Promise<void>
}

const LOG_LIMIT = 10_485_760
const START_PATIENCE = 30_000
const POLL = 20
/** What the pid file says of a server, and of a standby, that takes connections. */
const SERVING = ["ready", "standby"]

const pidFile = ({ cluster }: Binaries) => join(cluster, "postmaster.pid")

const linesOf = (path: string): ReadonlyArray<string> => {
  try {
    return readFileSync(path, "utf8").split("\n")
  } catch {
    return []
  }
}

const running = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** Whether it is still our server, and not another process with its number. */
const isPostgres = (pid: number, cluster: string): boolean => {
  if (!running(pid)) return false
  if (process.platform !== "linux") return true
  return linesOf(`/proc/${pid}/cmdline`).join("").includes(cluster)
}

/** Any free port of loopback. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const settings = (port: number): ReadonlyArray<string> =>
  Object.entries({
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    max_connections: 60,
    shared_buffers: "64MB",
    max_wal_size: "512MB",
    // A new segment filled with zeros holds every commit up for 50 ms; each 16 MB under load until the first ones come back.
    wal_init_zero: "off",
    // A session that holds the writers' lock and does nothing must not hold it for ever, whoever opened it.
    idle_in_transaction_session_timeout: "30s",
    log_min_messages: "warning",
    log_timezone: "UTC",
    timezone: "UTC"
  }).map(([name, value]) => `--${name}=${value}`)

/** Starts it and waits until it serves. When it does not, rejects with the end of its log. */
export const startPostmaster = async (binaries: Binaries, port: number, log: string): Promise<Postmaster> => {
  if (existsSync(log) && statSync(log).size > LOG_LIMIT) renameSync(log, `${log}.1`)
  const from = existsSync(log) ? statSync(log).size : 0
  const out = openSync(log, "a", 0o600)
  const child = spawn(binaries.postgres, ["-D", binaries.cluster, ...settings(port)], {
    ...binaries.owner,
    cwd: binaries.cluster,
    // In a session of its own: Ctrl-C is for Herald, which stops it when nothing needs it any more.
    detached: true,
    stdio: ["ignore", out, out],
    env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" }
  })
  closeSync(out)
  const watcher = child.pid === undefined ? undefined : watch(child.pid, binaries.owner, "herald-database-watcher")
  let over = false
  const ended = new Promise<void>((resolve) => {
    const finish = () => {
      over = true
      resolve(watcher?.end())
    }
    child.once("exit", finish)
    child.once("error", finish)
  })
  for (const until = Date.now() + START_PATIENCE; ; await sleep(POLL)) {
    const lines = linesOf(pidFile(binaries))
    if (!over && lines[0] === String(child.pid) && SERVING.includes(lines[7]?.trim() ?? ""))
      return { process: child, ended }
    if (over || Date.now() > until) {
      child.kill("SIGQUIT")
      const said = readFileSync(log).subarray(from).toString("utf8").trim().split("\n").slice(-3).join(" ")
      throw new Error(said || "it ended without a word")
    }
  }
}

/** Asks for a fast shutdown, then an immediate one, then kills it. Takes at most 4.5 s. */
export const stopPostmaster = async ({ process: child, ended }: Postmaster): Promise<void> => {
  for (const [signal, patience] of [
    ["SIGINT", 3_000],
    ["SIGQUIT", 1_000],
    ["SIGKILL", 500]
  ] as const) {
    child.kill(signal)
    const timer = new AbortController()
    const done = await Promise.race([
      ended.then(() => true),
      sleep(patience, false, { signal: timer.signal }).catch(() => false)
    ])
    timer.abort()
    if (done) return
  }
}

/** Ends a server that an earlier Herald left running, and removes what a killed one left. */
export const stopOrphan = async (binaries: Binaries): Promise<boolean> => {
  const pid = Number(linesOf(pidFile(binaries))[0])
  if (!Number.isInteger(pid) || pid <= 1) return false
  if (!isPostgres(pid, binaries.cluster)) {
    rmSync(pidFile(binaries), { force: true })
    return false
  }
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    process.kill(pid, signal)
    for (const until = Date.now() + 5_000; Date.now() < until; await sleep(POLL))
      if (!isPostgres(pid, binaries.cluster)) return true
  }
  return true
}

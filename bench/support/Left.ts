/** What a server that runs with Count.ts holds after its garbage was collected. */
import { readdirSync } from "node:fs"
import { until } from "./Process.ts"

export interface Left {
  /** Bytes of JavaScript objects. */
  readonly heap: number
  readonly sessions: number
}

/** Node's flags that load Count.ts. */
export const countable = ["--expose-gc", "--import", new URL("./Count.ts", import.meta.url).pathname]

/** Collects the server's garbage; returns what is left. */
export const leftOf = async (server: { readonly pid: number; readonly output: string }): Promise<Left> => {
  const before = server.output.length
  process.kill(server.pid, "SIGUSR2")
  const line = /^collected (\{.*\})$/m
  const [, json] = await until("the server to collect", () => line.exec(server.output.slice(before)) ?? undefined)
  return JSON.parse(json!) as Left
}

/** Open descriptors, from Linux's /proc (proc(5)). */
export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** CPU time and memory of a process, from Linux's /proc (proc(5)); NaN elsewhere. */
import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

/** Clock ticks a second: 100 on every Linux that Node runs on (USER_HZ). */
const TICKS = 100

const read = (pid: number, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}

/** User and system seconds, all threads. */
export const cpuSeconds = (pid: number): number => {
  const fields = read(pid, "stat").split(") ")[1]?.split(" ")
  return (Number(fields?.[11]) + Number(fields?.[12])) / TICKS
}

/** The same of a process and its children, those that have ended too. */
export const familySeconds = (pid: number): number => {
  const own = read(pid, "stat").split(") ")[1]?.split(" ")
  const ended = (Number(own?.[13]) + Number(own?.[14])) / TICKS
  const children = readdirSync("/proc").filter(
    (name) => /^\d+$/.test(name) && read(Number(name), "stat").split(") ")[1]?.split(" ")[1] === String(pid)
  )
  return children.reduce((sum, child) => sum + cpuSeconds(Number(child)), cpuSeconds(pid) + ended)
}

/** Resident bytes. */
export const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(read(pid, "status"))?.[1] ?? Number.NaN) * 1_024

/** Polls until `found` gives something; a failure after `patience` milliseconds. */
export const until = async <A>(
  what: string,
  found: () => A | undefined | Promise<A | undefined>,
  patience = 60_000
): Promise<A> => {
  const deadline = performance.now() + patience
  while (true) {
    const value = await found()
    if (value !== undefined) return value
    if (performance.now() > deadline) throw new Error(`waited ${patience / 1_000} s for ${what}`)
    await sleep(10)
  }
}

/** Resolves when `value` gives almost the same `times` in a row, a quarter of a second apart. Returns it. */
export const settled = async (value: () => number, times = 5): Promise<number> => {
  const tolerance = 0.002
  let last = value()
  let same = 0
  for (let tries = 0; tries < 60 && same < times; tries++) {
    await sleep(250)
    const now = value()
    same = Math.abs(now - last) <= tolerance * last ? same + 1 : 0
    last = now
  }
  return last
}

/**
 * Reads of 1,000 keys over HTTP at 1,000/s, open loop, past a node's own cache: from Redis, and while Redis is dead or hangs.
 * Every key is read in turn and the node's cache holds an eighth of them, so that no read finds its value there.
 */
import { startRedis } from "../test/support/Redis.ts"
import { short, spreadOf } from "./support/Numbers.ts"
import { nanos, openLoop } from "./support/Pace.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const PER_SECOND = 1_000
const CONNECTIONS = 32
const KEYS = 1_000
const CHARACTERS = 4_096

/** Where reads were answered from since the server started. */
const countsOf = async (server: Server): Promise<ReadonlyArray<number>> => {
  const text = await (await fetch(`${server.http}/metrics`)).text()
  const of = (line: RegExp) => Number(line.exec(text)?.[1] ?? 0)
  return [
    of(/^herald_cache_hits_total\{.*cache="node".*\} (\S+)/m),
    of(/^herald_cache_hits_total\{.*cache="shared".*\} (\S+)/m),
    of(/^herald_cache_misses_total(?:\{.*\})? (\S+)/m)
  ]
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const seconds = brief ? 2 : 15
  const wrong: Array<string> = []
  await using redis = await startRedis()
  await using server = await new Server({ REDIS_URL: redis.url, CACHE_MAX_BYTES: "1048576" }).start()
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => server.connect()))
  const value = JSON.stringify("x".repeat(CHARACTERS))
  for (let n = 0; n < KEYS; n++) await connections[n % CONNECTIONS]!.publish(`bench.${n}`, value)

  const load = async (lasting: number) => {
    const took: Array<number> = []
    const before = await countsOf(server)
    await openLoop(PER_SECOND, PER_SECOND * lasting, async (n, at) => {
      const path = `/v1/config/bench.${n % KEYS}?environment=production&consistency=cached`
      const { status, body } = await connections[n % CONNECTIONS]!.request("GET", path)
      took.push((nanos() - at) / 1e6)
      if (status !== 200) wrong.push(`a read was answered ${status}: ${body.slice(0, 300)}`)
      else if (!body.includes(`"key":"bench.${n % KEYS}"`)) wrong.push(`a read got another key: ${body.slice(0, 300)}`)
    })
    await new Promise((resolve) => setTimeout(resolve, 1_500)) // the counters move once a second
    const counts = (await countsOf(server)).map((count, i) => count - before[i]!)
    const all = counts.reduce((sum, count) => sum + count, 0)
    return { ...spreadOf(took), shares: counts.map((count) => count / all) }
  }

  const rows: Array<Report["rows"][number]> = []
  const notes: Array<string> = []
  const [one] = redis.nodes
  const states = [
    { from: "from Redis", reach: "< 5 ms", enter: async () => {} },
    { from: "with Redis hung", reach: "< 100 ms", enter: async () => one!.signal("SIGSTOP") },
    { from: "with Redis dead", reach: "< 100 ms", enter: () => one!.kill() }
  ]
  for (const { from, reach, enter } of states) {
    await enter()
    // The first run after Redis went away is the one that meets it: nothing is read to warm up then.
    if (reach === "< 5 ms") await load(brief ? 1 : 3)
    const found = await repeat(runs, () => load(seconds))
    const what = `read over HTTP past the node's cache, 1,000/s, ${from}`
    rows.push({ what: `${what}, p50`, reach: "", unit: "ms", values: found.map(({ p50 }) => p50) })
    rows.push({ what: `${what}, p95`, reach, unit: "ms", values: found.map(({ p95 }) => p95) })
    rows.push({ what: `${what}, p99`, reach: "", unit: "ms", values: found.map(({ p99 }) => p99) })
    const shares = found.map(({ shares }) => shares.map((share) => short(share * 100)).join("/")).join(", ")
    notes.push(`${from}: answered by the node's cache / Redis / PostgreSQL, %: ${shares}`)
  }
  for (const connection of connections) connection.close()
  return { rows, notes, wrong }
}

if (import.meta.main) await main("shared", measure)

/** A randomised fault run: three nodes, a publisher that tries until it is answered, SDK clients, and faults drawn from a table by a seed. */
import type { HeraldClient } from "../../src/client/HeraldClient.ts"
import { Nodes } from "../support/Nodes.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

const CLIENTS = 30
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

interface Scene {
  readonly nodes: Nodes
  /** Between the nodes and the database. */
  readonly proxy: TcpProxy
}

/** What may go wrong with a node, for how long, and how it is put right. */
type Fault = (scene: Scene, node: number, millis: number) => Promise<void>

export const table: Readonly<Record<string, Fault>> = {
  "kill a node": async ({ nodes }, node, millis) => {
    await nodes.servers[node]!.end("SIGKILL")
    await pause(millis)
    await nodes.servers[node]!.start()
  },
  "restart a node": async ({ nodes }, node) => {
    await nodes.servers[node]!.end("SIGTERM")
    await nodes.servers[node]!.start()
  },
  "freeze a node": async ({ nodes }, node, millis) => {
    nodes.servers[node]!.process!.kill("SIGSTOP")
    await pause(millis)
    nodes.servers[node]!.process!.kill("SIGCONT")
  },
  "cut the database": async ({ proxy }) => proxy.cut(),
  "refuse the database": async ({ proxy }, _, millis) => {
    proxy.fault = "refuse"
    proxy.cut()
    await pause(millis)
    proxy.fault = "none"
  },
  "hold the database": async ({ proxy }, _, millis) => {
    proxy.fault = "hold"
    await pause(millis)
    proxy.fault = "none"
    proxy.cut()
  }
}

/** mulberry32 (Tommy Ettinger, public domain): from 0 to just below 1. */
const chance = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

export interface Outcome {
  readonly schedule: ReadonlyArray<string>
  readonly published: number
  /** Promises that were broken. */
  readonly wrong: ReadonlyArray<string>
}

export const run = async (seed: number, millis: number): Promise<Outcome> => {
  const next = chance(seed)
  const schedule: Array<string> = []
  const wrong: Array<string> = []
  const clients: Array<HeraldClient> = []
  let proxy: TcpProxy | undefined
  const behind = async (direct: string) => {
    const url = new URL(direct)
    proxy = new TcpProxy(Number(url.port))
    url.port = String(await proxy.listen())
    return url.href
  }
  let stop = false
  let publisher: Promise<void> | undefined
  const nodes = await Nodes.start({ count: 3, databaseUrl: behind })
  try {
    let acked = 0
    const publish = async (n: number) => {
      const answer = await fetch(`${nodes.servers[n % 3]!.http}/v1/config/svc?environment=production`, {
        method: "PUT",
        headers: {
          authorization: `Bearer ${nodes.token}`,
          "content-type": "application/json",
          "idempotency-key": `chaos ${acked + 1}`
        },
        body: JSON.stringify({ value: acked + 1, message: "chaos" }),
        signal: AbortSignal.timeout(3_000)
      }).catch(() => undefined)
      if (answer !== undefined && answer.status >= 400 && answer.status < 500)
        wrong.push(`publish ${acked + 1} was refused with ${answer.status}`)
      await answer?.body?.cancel()
      if (answer?.ok === true) acked++
    }
    await waitUntil("the first publish", async () => publish(0).then(() => acked === 1))
    for (let i = 0; i < CLIENTS; i++) {
      const client = await nodes.client(`i${i}`)
      let newest = 0
      client.watch("svc", {
        apply: (value) => {
          if (Number(value) < newest) wrong.push(`client ${i} went from ${newest} back to ${value}`)
          newest = Number(value)
        }
      })
      clients.push(client)
    }
    publisher = (async () => {
      for (let n = 0; !stop; n++) await publish(n).then(() => pause(20))
    })()
    const names = Object.keys(table)
    for (const until = performance.now() + millis; performance.now() < until; ) {
      const name = names[Math.floor(next() * names.length)]!
      const [node, lasting] = [Math.floor(next() * 3), 500 + Math.floor(next() * 3_000)]
      schedule.push(`${name}, n${node + 1}, ${lasting} ms`)
      await table[name]!({ nodes, proxy: proxy! }, node, lasting)
      await pause(500)
    }
    stop = true
    await publisher
    // A publish that got no answer may have been committed: it is asked for again, with its key.
    const before = acked
    await waitUntil("a last publish", async () => publish(acked).then(() => acked > before))
    await waitUntil("all clients to have the newest", () =>
      clients.every((client) => client.get("svc") === acked)
    ).catch((error: Error) => wrong.push(error.message))
    const { body } = await nodes.servers[0]!.read("svc", "strong")
    // One version for each key, and none lost.
    if (body.version !== acked) wrong.push(`${acked} publishes were acked, the version is ${body.version}`)
    return { schedule, published: acked, wrong }
  } finally {
    stop = true
    await publisher
    await Promise.all(clients.map((client) => client.close()))
    if (proxy !== undefined) proxy.fault = "none"
    await nodes[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
  }
}

/**
 * Fault 52: the node that decides on a rollout is killed, frozen and thawed, at each transition, or the database is away in a bake. The rollout goes on
 * elsewhere, no transition happens twice, none is skipped, and no client outside of the cohort ever has the candidate. Faults 3, 28 and 29 of the matrix.
 */
import { assert, describe, it } from "@effect/vitest"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import type { Server } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

interface Rollout {
  readonly id: string
  readonly version: number
  readonly state: string
  readonly stage: number
  readonly reason: string
  readonly by: string
  readonly at: number
  readonly untilAt: number | null
  readonly stages: ReadonlyArray<{ readonly begunAt: number | null }>
}

const ENV = "environment=production"
const CLIENTS = 10

/** Instances that say how they are when they are asked, and keep what they were ever given. */
class Fleet implements AsyncDisposable {
  readonly clients: ReadonlyArray<HeraldClient>
  readonly had: ReadonlyMap<string, Set<unknown>>
  ill: ReadonlySet<string> = new Set()
  private constructor(clients: ReadonlyArray<HeraldClient>, had: ReadonlyMap<string, Set<unknown>>) {
    this.clients = clients
    this.had = had
  }

  static async connect(nodes: Nodes, key: string, address = nodes.addresses): Promise<Fleet> {
    const had = new Map<string, Set<unknown>>()
    let fleet: Fleet | undefined
    const names = Array.from({ length: CLIENTS }, (_, n) => `web-${n}`)
    const clients = await Promise.all(
      names.map((instance) => {
        const values = new Set<unknown>()
        had.set(instance, values)
        return HeraldClient.connect({
          address,
          service: key,
          instance,
          token: nodes.token,
          waitForSync: true,
          heartbeatMillis: 500,
          healthMillis: 200,
          health: () => (fleet?.ill.has(instance) === true ? "unhealthy" : "healthy"),
          apply: (value) => void values.add(value)
        })
      })
    )
    fleet = new Fleet(clients, had)
    // How far a stage goes hangs on who is known to be there.
    await waitUntil("all of them to be known", async () => {
      const { body } = await nodes.servers[0]!.call("GET", `/v1/clients?${ENV}`)
      return body.clients.length === CLIENTS
    })
    return fleet
  }

  /** Those that have it now. */
  with(key: string, value: unknown): ReadonlyArray<string> {
    return this.clients.flatMap((client, n) => (client.get(key) === value ? [`web-${n}`] : []))
  }

  /** Those that were ever given it. */
  everHad(value: unknown): ReadonlyArray<string> {
    return [...this.had].flatMap(([instance, values]) => (values.has(value) ? [instance] : []))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()))
  }
}

/** Two nodes whose database can be away: for both, or for the second alone. */
class Away implements AsyncDisposable {
  #proxy: TcpProxy | undefined

  nodes(whose: "both" | "second"): Promise<Nodes> {
    let [direct, proxied] = ["", ""]
    return Nodes.start({
      count: 2,
      databaseUrl: async (database) => {
        const url = new URL((direct = database))
        this.#proxy = new TcpProxy(Number(url.port))
        url.host = `127.0.0.1:${await this.#proxy.listen()}`
        return (proxied = url.toString())
      },
      own: (node) => ({ DATABASE_URL: whose === "both" || node === 1 ? proxied : direct })
    })
  }

  async begins(node: Server): Promise<void> {
    this.#proxy!.fault = "refuse"
    this.#proxy!.cut()
    await waitUntil("the nodes to notice", async () => {
      const { body } = await node.call("GET", "/readyz")
      return JSON.stringify(body).includes("rollouts") || JSON.stringify(body).includes("postgresql")
    })
  }

  ends(): void {
    this.#proxy!.fault = "none"
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy?.[Symbol.asyncDispose]()
  }
}

const alive = (nodes: Nodes): Server =>
  nodes.servers.find(({ process }) => process?.exitCode === null && process.signalCode === null)!

const start = async (nodes: Nodes, key: string, plan: object): Promise<string> => {
  const body = { environment: "production", plan, changes: [{ key, value: "new" }], message: "try it" }
  const { status, body: made } = await alive(nodes).call("POST", "/v1/rollouts", body)
  assert.strictEqual(status, 200, JSON.stringify(made))
  return made.id
}
const get = async (server: Server, id: string): Promise<Rollout> =>
  (await server.call("GET", `/v1/rollouts/${id}?${ENV}`)).body
const history = async (server: Server, id: string): Promise<ReadonlyArray<Rollout>> =>
  (await server.call("GET", `/v1/rollouts/${id}/history?${ENV}`)).body.transitions
const reaches = (server: Server, id: string, holds: (rollout: Rollout) => boolean) =>
  waitUntil("the rollout to get there", async () => {
    const found = await get(server, id)
    if (!holds(found)) throw new Error(JSON.stringify(found))
    return found
  })

/** Which node decides on it: by what each says of itself. */
const ownerOf = (nodes: Nodes): Promise<Server> =>
  waitUntil("somebody to own it", async () => {
    for (const server of nodes.servers) {
      if (server.process?.exitCode !== null || server.process.signalCode !== null) continue
      const { body } = await server.call("GET", "/metrics")
      if (/^herald_rollouts_owned(\{[^}]*\})? [1-9]/m.test(String(body))) return server
    }
    return undefined
  })

/** Each transition once, in the order of stages. */
const inOrder = (all: ReadonlyArray<Rollout>) => {
  assert.deepStrictEqual(
    all.map(({ version }) => version),
    all.map((_, n) => n + 1)
  )
  for (const [n, one] of all.entries()) if (n > 0) assert.isAtMost(one.stage - all[n - 1]!.stage, 1)
}

describe("fault 52: owners of rollouts", () => {
  it("OZ1 RQ1 the owner is killed in each bake but the last: the rollout goes on, each stage once, to everybody", async () => {
    // Until a dead node is known to be dead, it owes what its instances make of it.
    const env = { HEARTBEAT_INTERVAL: "1s", HEARTBEAT_TIMEOUT: "5s" }
    await using nodes = await Nodes.start({ count: 3, env })
    const [first] = nodes.servers
    await first!.publish("app", "old")
    await using fleet = await Fleet.connect(nodes, "app")
    const late: Array<number> = []
    const id = await start(nodes, "app", { stages: "2,60%,100%", bake: "4s", patience: "60s" })
    for (const stage of [1, 2]) {
      const { untilAt } = await reaches(alive(nodes), id, ({ stage: at, state }) => at === stage && state === "baking")
      await (await ownerOf(nodes)).end("SIGKILL")
      const next = await reaches(alive(nodes), id, ({ stage: at }) => at === stage + 1)
      late.push(next.stages[stage]!.begunAt! - untilAt!)
    }
    const done = await reaches(alive(nodes), id, ({ state }) => state === "completed" || state === "paused")
    assert.strictEqual(done.state, "completed", done.reason)
    const all = await history(alive(nodes), id)
    inOrder(all)
    await waitUntil("everybody to have it", () => fleet.with("app", "new").length === CLIENTS)
    assert.isAtLeast(Math.min(...late), 0, "no bake was cut short")
    measured(52, "the owner of a rollout is killed in a bake of 4 s, in two of three stages", {
      "the next stage begins so long after the bake is over": late.map((gap) => seconds(gap)).join(", ")
    })
  })

  it("RQ1 PC2 the owner is frozen in a bake and thawed: others decide, and what it wakes up with changes nothing", async () => {
    // What a frozen node heard nobody knows until it counts as dead.
    const env = { HEARTBEAT_INTERVAL: "1s", HEARTBEAT_TIMEOUT: "5s" }
    await using nodes = await Nodes.start({ count: 2, env })
    const [first] = nodes.servers
    await first!.publish("app", "old")
    await using fleet = await Fleet.connect(nodes, "app")
    const id = await start(nodes, "app", { stages: "2,100%", bake: "6s", patience: "60s" })
    await reaches(first!, id, ({ state }) => state === "baking")
    const owner = await ownerOf(nodes)
    const other = nodes.servers.find((one) => one !== owner)!
    owner.process!.kill("SIGSTOP")
    const done = await reaches(other, id, ({ state }) => state === "completed" || state === "paused")
    owner.process!.kill("SIGCONT")
    const all = await history(other, id)
    inOrder(all)
    await waitUntil("both to know the same", async () => (await get(owner, id)).version === done.version)
    assert.deepStrictEqual(await history(owner, id), all, "nothing was added")
    assert.strictEqual(done.state, "completed", done.reason)
    await waitUntil("everybody to have it", () => fleet.with("app", "new").length === CLIENTS)
  })

  it("MV1 OZ2 instances that are unhealthy take it back, and nobody outside of the cohort ever had it", async () => {
    await using nodes = await Nodes.start({ count: 2 })
    const [first] = nodes.servers
    await first!.publish("app", "old")
    await using fleet = await Fleet.connect(nodes, "app")
    const id = await start(nodes, "app", { stages: "5,100%", bake: "60s", gates: ["unhealthy < 2%"] })
    await reaches(first!, id, ({ state }) => state === "baking")
    const cohort = fleet.with("app", "new")
    assert.lengthOf(cohort, 5)
    fleet.ill = new Set(cohort.slice(0, 2))
    const bad = Date.now()
    const back = await reaches(first!, id, ({ state }) => state === "rolled_back")
    const decided = back.at
    await waitUntil("the old one again", () => fleet.with("app", "old").length === CLIENTS)
    const restored = Date.now() - bad
    assert.include(back.reason, "are unhealthy")
    assert.strictEqual(back.by, "herald")
    assert.deepStrictEqual(fleet.everHad("new"), cohort)
    measured(52, "two of five instances become unhealthy, and say so every 200 ms", {
      "taken back after": seconds(decided - bad),
      "all have the old version again after": seconds(restored)
    })
  })

  it("EE6 a node can't write what its instances say: the rollout does not go on before it can", async () => {
    const away = new Away()
    await using nodes = await away.nodes("second")
    await using _ = away
    const [first, second] = nodes.servers
    await first!.publish("app", "old")
    await using fleet = await Fleet.connect(nodes, "app", [second!.grpc])
    const id = await start(nodes, "app", { stages: "5,100%", bake: "8s", patience: "60s", gates: ["unhealthy < 2%"] })
    const { untilAt } = await reaches(first!, id, ({ state }) => state === "baking")
    const cohort = fleet.with("app", "new")
    assert.lengthOf(cohort, 5)
    await away.begins(second!)
    fleet.ill = new Set(cohort.slice(0, 2))
    await waitUntil("the bake to be over", () => Date.now() > untilAt! + 5_000)
    assert.deepInclude(await get(first!, id), { state: "baking", stage: 1 })
    away.ends()
    const next = await reaches(first!, id, ({ state, stage }) => state !== "baking" || stage > 1)
    assert.deepInclude({ state: next.state, stage: next.stage }, { state: "rolled_back", stage: 1 }, next.reason)
    await waitUntil("the old one again", () => fleet.with("app", "old").length === CLIENTS)
    assert.deepStrictEqual(fleet.everHad("new"), cohort)
  })

  it("OG4 MV4 the database is away in a bake: nothing is decided meanwhile, and the bake ends in its time or right after", async () => {
    const away = new Away()
    await using nodes = await away.nodes("both")
    await using _ = away
    const [first] = nodes.servers
    await first!.publish("app", "old")
    await using fleet = await Fleet.connect(nodes, "app")
    const id = await start(nodes, "app", { stages: "2,100%", bake: "4s", patience: "60s" })
    const { untilAt } = await reaches(first!, id, ({ state }) => state === "baking")
    await away.begins(first!)
    await waitUntil("the bake to be over", () => Date.now() > untilAt! + 2_000)
    away.ends()
    const back = Date.now()
    const next = await reaches(first!, id, ({ stage, state }) => stage === 2 || state === "paused")
    const after = Date.now() - back
    assert.strictEqual(next.stage, 2, next.reason)
    const done = await reaches(first!, id, ({ state }) => state === "completed" || state === "paused")
    assert.strictEqual(done.state, "completed", done.reason)
    inOrder(await history(first!, id))
    await waitUntil("everybody to have it", () => fleet.with("app", "new").length === CLIENTS)
    measured(52, "the database is away when a bake ends", { "the next stage begins, after it is back": seconds(after) })
  })
})

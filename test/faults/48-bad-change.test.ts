/**
 * Fault 27: a change that crashes its clients when they apply it, again and again, one that makes them unwell, and one that they refuse. Each is taken
 * back, and no client outside of the cohort ever has it.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { type ConnectOptions, HeraldClient } from "../../src/client/HeraldClient.ts"
import type { Gate } from "../../src/plans/Plan.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { clientOptions, type Database, startDatabase } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { census } from "../support/Rollouts.ts"
import { candidate, plan, rolled, stage, startWish } from "../support/RolloutWishes.ts"
import { type Server, startServer } from "../support/Server.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const program = fileURLToPath(new URL("../support/CrashingClient.ts", import.meta.url))
const COHORT = ["crash-1", "crash-2", "in-1", "in-2", "in-3"]

/** An application that is started again whenever it dies. */
class Supervised implements AsyncDisposable {
  readonly values: Array<string> = []
  starts = 0
  #child: ChildProcess | undefined
  #over = false
  readonly #start: () => ChildProcess

  constructor(start: () => ChildProcess) {
    this.#start = start
    this.#run()
  }
  #run(): void {
    this.starts++
    const child = this.#start()
    this.#child = child
    child.stdout!.on("data", (bytes) => this.values.push(...String(bytes).trim().split("\n")))
    child.once("exit", () => this.#over || this.#run())
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true
    this.#child?.kill("SIGKILL")
  }
}

describe("a bad change", () => {
  let database: Database
  let server: Server
  const stores = Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))))
  const runtime = ManagedRuntime.make(stores)
  const crashing: Array<Supervised> = []
  const clients = new Map<string, { readonly client: HeraldClient; readonly values: Array<string> }>()

  const connect = async (instance: string, more: Partial<ConnectOptions> = {}) => {
    const values: Array<string> = []
    const client = await HeraldClient.connect({
      address: server.grpc,
      token: server.token,
      service: "shop",
      instance,
      validate: (value) => (value === "refused" ? "not that" : true),
      apply: (value) => void values.push(String(value)),
      health: () => (values.at(-1) === "sick" ? "unhealthy" : "healthy"),
      healthMillis: 500,
      ...more
    })
    clients.set(instance, { client, values })
  }

  beforeAll(async () => {
    database = await startDatabase()
    server = await startServer({ DATABASE_URL: database.url })
    await server.published("shop", "good")
    for (const instance of ["crash-1", "crash-2"])
      crashing.push(
        new Supervised(() =>
          spawn(process.execPath, [program, server.grpc, server.token, instance, "deadly"], {
            stdio: ["ignore", "pipe", "inherit"]
          })
        )
      )
    for (const instance of ["in-1", "in-2", "in-3", "out-1", "out-2"]) await connect(instance)
    await waitUntil("all of them to be there", () => crashing.every(({ values }) => values.at(-1) === "good"))
  })
  afterAll(async () => {
    for (const one of crashing) await one[Symbol.asyncDispose]()
    for (const { client } of clients.values()) await client.close()
    await runtime.dispose()
    await server[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  const find = ({ environment, key }: Rollout) =>
    runtime.runPromise(Effect.flatMap(RolloutStore, (store) => store.find(environment, key)))

  /** Rolls the value out to the cohort, and waits until it is taken back and they have what they had. */
  const takenBack = async (value: string, gates: ReadonlyArray<Gate>) => {
    const began = performance.now()
    const whole = plan({
      stages: [stage({ instances: COHORT, share: { percent: 100 }, bakeMillis: 600_000 })],
      gates,
      crashes: 2,
      lostAfterMillis: 20_000,
      applied: 0.5
    })
    const started = await runtime.runPromise(rolled([startWish([candidate("shop", value)], { plan: whole })]))
    const over = await waitUntil("it to be taken back", async () => {
      const now = await find(started)
      return now?.state === "rolled_back" && now
    })
    const decided = performance.now() - began
    await waitUntil("all of them to have what they had", () =>
      [...clients.values(), ...crashing].every(({ values }) => values.at(-1) === "good")
    )
    const restored = performance.now() - began
    for (const outside of ["out-1", "out-2"])
      assert.deepStrictEqual([...new Set(clients.get(outside)!.values)], ["good"], "who is not in the cohort")
    return { over, decided, restored }
  }

  it("RQ4 EE1 one that crashes its clients on apply, again and again", async () => {
    const { over, decided, restored } = await takenBack("deadly", [census("lost", { coverage: 0 })])
    assert.include(over.why.text, "lost")
    assert.isAtLeast(over.why.counts!.lost, 2)
    for (const { starts, values } of crashing) {
      assert.isAtLeast(starts, 3)
      assert.include(values, "deadly")
    }
    measured(27, "a change that crashes its clients", {
      "taken back": seconds(decided),
      "all have what they had": seconds(restored)
    })
  })

  it("RQ4 IS2 one that makes them unwell", async () => {
    const { over, decided, restored } = await takenBack("sick", [census("unhealthy", { coverage: 0 })])
    assert.isAtLeast(over.why.counts!.unhealthy, 2)
    measured(27, "a change that makes clients unhealthy", {
      "taken back": seconds(decided),
      "all have what they had": seconds(restored)
    })
  })

  it("RQ4 EE1 one that they refuse", async () => {
    const { over, decided, restored } = await takenBack("refused", [census("rejected", { coverage: 0 })])
    assert.isAtLeast(over.why.counts!.rejected, 2)
    assert.notInclude(clients.get("in-1")!.values, "refused")
    measured(27, "a change that clients refuse", {
      "taken back": seconds(decided),
      "all have what they had": seconds(restored)
    })
  })

  it("EE1 N1 clients that leave while they have it are not lost", async () => {
    const gates = [census("lost", { coverage: 0, atLeast: 1 })]
    const whole = plan({
      stages: [stage({ instances: COHORT, share: { percent: 100 }, bakeMillis: 10_000 })],
      gates,
      lostAfterMillis: 500,
      applied: 0.1
    })
    const started = await runtime.runPromise(rolled([startWish([candidate("shop", "fine")], { plan: whole })]))
    const leaving = ["in-1", "in-2", "in-3"]
    for (const instance of leaving)
      await waitUntil("it to have the change", () => clients.get(instance)!.values.at(-1) === "fine")
    // Who has it and leaves before its node has looked at it once is not known to have had it.
    await waitUntil("all of them to be counted", async () => {
      const { body } = await server.call(
        "GET",
        `/v1/rollouts/${started.key}/instances?environment=production&limit=100`
      )
      const known = body.instances.filter(({ is }: { is: string }) => is === "applied" || is === "healthy")
      return leaving.every((name) => known.some(({ instance }: { instance: string }) => instance === name))
    })
    for (const instance of leaving) await clients.get(instance)!.client.close()
    const over = await waitUntil("the bake to be over", async () => {
      const now = await find(started)
      return now?.state !== "deploying" && now?.state !== "baking" && now?.state !== "scheduled" && now
    })
    assert.strictEqual(over.state, "paused", over.why.text) // it does not reach everybody
    assert.strictEqual(over.why.counts?.left, 3)
    assert.strictEqual(over.why.counts?.lost, 0)
  })
})

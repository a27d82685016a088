/**
 * A rollout as applications live it: SDKs on real sockets, a node that moves it by itself. Each client notes all that it is ever given, and whoever
 * is outside of the cohort never had the candidate.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { Herald, node, stores } from "../../src/testing.ts"
import { commit, started } from "../support/Cohorts.ts"
import { change } from "../support/Release.ts"
import { census, plan, stage } from "../support/Rollouts.ts"
import { waitUntil } from "../support/waitUntil.ts"

const all = Herald.layer.pipe(Layer.provideMerge(node({ heartbeatInterval: "1 second" })), Layer.provideMerge(stores))

class Application implements AsyncDisposable {
  readonly had: Array<unknown> = []
  readonly name: string
  #client: HeraldClient | undefined

  constructor(name: string) {
    this.name = name
  }

  async connect({ grpc, token }: Herald["Service"]): Promise<this> {
    this.#client = await HeraldClient.connect({ address: grpc, service: "app", instance: this.name, token })
    this.#client.watch("app", { apply: (value) => void this.had.push(value) })
    await this.#client.settled()
    return this
  }

  get now(): unknown {
    return this.#client!.get("app")
  }

  get client(): HeraldClient {
    return this.#client!
  }

  async [Symbol.asyncDispose]() {
    await this.#client?.close()
  }
}

const world = async () => {
  const runtime = ManagedRuntime.make(all)
  const herald = await runtime.runPromise(Herald)
  const run = <A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof all>>): Promise<A> => runtime.runPromise(effect)
  const begin = async (more: Parameters<typeof plan>[0]) => {
    const { revision } = await run(commit(started({ app: "new" }, { plan: plan(more) })))
    return `r${revision}`
  }
  const rollout = (key: string) => run(Effect.flatMap(RolloutStore, (store) => store.find("production", key)))
  return { herald, run, begin, rollout, dispose: () => runtime.dispose() }
}

describe("a rollout over gRPC", () => {
  it("RQ2 S2 its cohort has the candidate, an unhealthy report takes it back, and nobody else ever had it", async () => {
    const { herald, run, begin, rollout, dispose } = await world()
    await run(commit(change("app", "old")))
    const names = ["web-1", "web-2", "web-3", "web-4"]
    const [first, ...others] = await Promise.all(names.map((name) => new Application(name).connect(herald)))
    const gates = [census("unhealthy", { limit: 0, atLeast: 1, coverage: 0 })]
    const key = await begin({ gates, stages: [stage(100, { instances: ["web-1"] }), stage(100)] })
    await waitUntil("the cohort to have it", () => first!.now === "new")
    await first!.client.settled()
    assert.deepStrictEqual(
      others.map(({ now }) => now),
      ["old", "old", "old"]
    )
    await using late = await new Application("web-5").connect(herald)
    assert.strictEqual(late.now, "old")

    await waitUntil("it to bake", async () => (await rollout(key))?.state === "baking")
    assert.isTrue(await first!.client.reportHealth("unhealthy", "it does not start"))
    await waitUntil("it to be taken back", () => first!.now === "old")
    const ended = await rollout(key)
    assert.strictEqual(ended?.state, "rolled_back")
    assert.include(ended?.why.text ?? "", "unhealthy")
    assert.deepStrictEqual(first!.had, ["old", "new", "old"])
    for (const { had } of [...others, late]) assert.deepStrictEqual(had, ["old"])

    await run(commit(change("app", "next")))
    for (const one of [first!, ...others, late]) {
      await waitUntil("all to have what is published next", () => one.now === "next")
      await one[Symbol.asyncDispose]()
    }
    assert.deepStrictEqual(first!.had, ["old", "new", "old", "next"])
    await dispose()
  })

  it("DV7 promoted to everybody, each has it once", async () => {
    const { herald, run, begin, rollout, dispose } = await world()
    await run(commit(change("app", "old")))
    const all = await Promise.all(["web-1", "web-2", "web-3"].map((name) => new Application(name).connect(herald)))
    const [one, whole] = [stage(100, { instances: ["web-1"], bakeMillis: 200 }), stage(100, { bakeMillis: 200 })]
    const gates = [census("unhealthy", { coverage: 0 })]
    const key = await begin({ gates, stages: [one, whole] })
    await waitUntil("it to be completed", async () => (await rollout(key))?.state === "completed")
    for (const { now, had, client } of all) {
      await client.settled()
      assert.strictEqual(now, "new")
      assert.deepStrictEqual(had, ["old", "new"])
    }
    await run(commit(change("app", "next")))
    for (const one of all) {
      await waitUntil("all to have what is published next", () => one.now === "next")
      await one[Symbol.asyncDispose]()
    }
    await dispose()
  })
})

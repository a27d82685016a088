/**
 * Fault 5, in a rollout: a node is killed while its sessions have the candidate. They are soon on another node, none of them is lost by it, nobody
 * outside of the cohort gets the candidate, and the rollout goes on.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime } from "effect"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { EvidenceStore } from "../../src/rollouts/EvidenceStore.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { clientOptions } from "../support/Database.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { census } from "../support/Rollouts.ts"
import { candidate, plan, rolled, stage, startWish } from "../support/RolloutWishes.ts"
import { kinds } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"

const COHORT = ["in-1", "in-2", "in-3", "in-4"]

it("EE3 RQ2 a node is killed while its sessions have the candidate", async () => {
  await using nodes = await Nodes.start({
    count: 2,
    env: { HEARTBEAT_INTERVAL: "1s", HEARTBEAT_TIMEOUT: "4s" }
  })
  const [first, second] = nodes.servers
  const stores = Postgres.layer(clientOptions(nodes.database.url)).pipe(Layer.provide(kinds))
  const runtime = ManagedRuntime.make(stores)
  const clients: Array<{ readonly client: HeraldClient; readonly values: Array<unknown> }> = []
  try {
    await first!.published("shop", "old")
    for (const instance of [...COHORT, "out-1", "out-2"]) {
      const values: Array<unknown> = []
      const client = await HeraldClient.connect({
        // All begin on the node that dies.
        address: first!.grpc,
        token: first!.token,
        service: "shop",
        instance,
        apply: (value) => void values.push(value),
        health: () => "healthy",
        heartbeatMillis: 1_000 // sooner than nodes take one for silent here: three sessions that end would be a crash loop
      })
      clients.push({ client, values })
    }
    const gates = [census("lost", { coverage: 0, atLeast: 1 }), census("unhealthy", { coverage: 0 })]
    const whole = plan({
      stages: [stage({ instances: COHORT, share: { percent: 100 }, bakeMillis: 8_000 })],
      gates,
      lostAfterMillis: 6_000,
      applied: 1
    })
    const { environment, key } = await runtime.runPromise(
      rolled([startWish([candidate("shop", "new")], { plan: whole })])
    )
    const find = () => runtime.runPromise(Effect.flatMap(RolloutStore, (store) => store.find(environment, key)))
    const evidence = () =>
      runtime.runPromise(
        Effect.flatMap(EvidenceStore, (store) =>
          store.read(environment, key, { lostAfterMillis: 6_000, crashes: 3, slow: [] })
        )
      )
    await waitUntil("all of the cohort to be well", async () => (await evidence())?.counts.healthy === COHORT.length)

    const address = first!.grpc
    await first!.end("SIGKILL")
    const killed = performance.now()
    // Whoever stands before nodes sends them to the one that is there.
    const others = await Promise.all(
      COHORT.map((instance, n) =>
        clients[n]!.client.close().then(() =>
          HeraldClient.connect({
            address: [address, second!.grpc],
            token: second!.token,
            service: "shop",
            instance,
            apply: (value) => void clients[n]!.values.push(value),
            health: () => "healthy",
            heartbeatMillis: 1_000,
            connectTimeoutMillis: 60_000
          })
        )
      )
    )
    const back = performance.now() - killed
    const over = await waitUntil("the bake to be over", async () => {
      const now = await find()
      return now?.state !== "baking" && now?.state !== "deploying" && now
    })
    for (const client of others) await client.close()

    assert.strictEqual(over.state, "paused", over.why.text) // it does not reach everybody
    assert.strictEqual(over.why.counts?.lost, 0)
    for (const { values } of clients.slice(COHORT.length)) assert.deepStrictEqual([...new Set(values)], ["old"])
    measured(5, "a node with the cohort of a rollout is killed", {
      "all are on another node": seconds(back),
      "bake of 8 s is over": seconds(performance.now() - killed)
    })
  } finally {
    for (const { client } of clients) await client.close()
    await runtime.dispose()
  }
})

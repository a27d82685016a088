/**
 * What evidence of a rollout costs with 10,000 instances that all get the change at once: writing it, reading it, asking whether there is some, and the
 * memory of a node that has all of their sessions. On a database of its own; no server.
 *
 *   node --expose-gc bench/evidence.ts        some seconds; --short: a tenth of it
 */
import { performance } from "node:perf_hooks"
import { Effect, Layer, ManagedRuntime } from "effect"
import * as Postgres from "../layers/Postgres/Postgres.ts"
import type { Condition } from "../src/rollouts/Evidence.ts"
import { EvidenceStore } from "../src/rollouts/EvidenceStore.ts"
import type { Rollout } from "../src/rollouts/Rollout.ts"
import { Roll } from "../src/sightings/Roll.ts"
import { Sightings } from "../src/sightings/Sightings.ts"
import { clientOptions, startDatabase } from "../test/support/Database.ts"
import { rollout } from "../test/support/Rollouts.ts"
import { alive, seen, started } from "../test/support/Sightings.ts"
import { kinds } from "../test/support/Twins.ts"
import { median } from "./support/Numbers.ts"
import { main, type Options, type Report, type Row } from "./support/Report.ts"

const RUN = "run"
const NODES = 3
const LOOKS = 50

const row = (what: string, reach: string, unit: string, values: ReadonlyArray<number>): Row => ({
  what,
  reach,
  unit,
  values
})

const store = Effect.flatMap(EvidenceStore, Effect.succeed)
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const since = performance.now()
  await work()
  return performance.now() - since
}

const measure = async ({ short, runs }: Options): Promise<Report> => {
  const instances = short ? 1_000 : 10_000
  const bytes: Array<number> = []
  for (let n = 0; n < runs + 1; n++) bytes.push(await memory(instances))
  await using database = await startDatabase()
  const runtime = ManagedRuntime.make(Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds)))
  const wrong: Array<string> = []
  try {
    const evidence = await runtime.runPromise(store)
    const run = <A>(effect: Effect.Effect<A, unknown>) => runtime.runPromise(effect)
    for (let n = 0; n < NODES; n++) await runtime.runPromise(alive(`${RUN}${n}`))

    /** All of them become this at once, as one node writes it: rows a second. */
    const become = async (rollout: Rollout, number: number, is: Condition): Promise<number> => {
      const waiting = new Sightings()
      for (let n = 0; n < instances; n++)
        waiting.add(seen(rollout, `${RUN}${n % NODES}/${n}`, number, is, { instance: `web-${n}` }))
      const took = await timed(async () => {
        while (waiting.size > 0) {
          const sightings = waiting.take()
          await run(
            evidence.write({ run: `${RUN}0`, timeoutMillis: 90_000, sightings, counted: [], seen: [], all: true })
          )
          waiting.written(sightings, new Set(), 0n, () => false) // nobody notes these instances: all would be told again for a while
        }
      })
      return (instances / took) * 1_000
    }
    const read = (rollout: Rollout) =>
      evidence.read(rollout.environment, rollout.key, { lostAfterMillis: 30_000, crashes: 3, slow: [30_000] })
    const looks = async (work: () => Promise<unknown>): Promise<number> => {
      const all: Array<number> = []
      for (let n = 0; n < LOOKS; n++) all.push(await timed(work))
      return median(all)
    }

    const rows: Array<Row> = []
    const figures = { offered: [], applied: [], good: [], bad: [], changed: [] } as Record<string, Array<number>>
    for (let n = 0; n < runs; n++) {
      const rollout = await runtime.runPromise(started)
      figures["offered"]!.push(await become(rollout, 1, "offered"))
      figures["applied"]!.push(await become(rollout, 2, "applied"))
      figures["good"]!.push(await looks(() => run(read(rollout))))
      figures["changed"]!.push(await looks(() => run(evidence.changed)))
      const { counts } = (await run(read(rollout)))!
      if (counts.applied !== instances) wrong.push(`${counts.applied} of ${instances} instances are counted`)
      await become(rollout, 3, "gone")
      figures["bad"]!.push(await looks(() => run(read(rollout))))
    }
    const of = instances.toLocaleString("en-US")
    rows.push(
      row(`evidence rows written a second: ${of} instances are offered it at once`, "–", "rows/s", figures["offered"]!),
      row(`evidence rows written a second: all of them applied it at once`, "–", "rows/s", figures["applied"]!),
      row(`evidence of ${of} instances read`, "≤ 100 ms", "ms", figures["good"]!),
      row(`… while all of them are gone`, "≤ 100 ms", "ms", figures["bad"]!),
      row("whether there is evidence of any rollout", "–", "ms", figures["changed"]!),
      row("memory of a node, an instance in a rollout", "–", "bytes", bytes.slice(1))
    )
    return { rows, notes: [`${NODES} nodes, one writer, batches of 2,000`], wrong }
  } finally {
    await runtime.dispose()
  }
}

const collected = async (): Promise<number> => {
  const { gc } = globalThis as { readonly gc?: () => void }
  for (let n = 0; n < 3; n++) {
    gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

/** Bytes that one instance of a cohort takes in a node that has its session. */
const memory = async (instances: number): Promise<number> => {
  const roll = new Roll(() => {})
  const all = rollout({ begun: [{ revision: 18n, at: 0, below: 2 ** 32 }] })
  const tracked = roll.become(all)!
  const told = { get: () => undefined, isDone: () => true }
  const seats = Array.from({ length: instances }, (_, n) => ({
    ref: `run/${n}`,
    connectedAt: 0,
    subscription: {
      client: { environment: all.environment, service: "svc", instance: `web-${n}`, labels: {} },
      patterns: all.targets.map(({ key }) => key)
    },
    told
  }))
  const before = await collected()
  for (const seat of seats) roll.look(tracked, seat, 0n)
  const after = await collected()
  return roll.entries === seats.length ? Math.round((after - before) / instances) : Number.NaN
}

await main("evidence", measure)

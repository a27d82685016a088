/** Durable publishes: over HTTP on 8 keep-alive connections, and the store alone with 8 and 32 fibers. Closed loop, each worker its own keys. */

import { Effect, Layer } from "effect"
import * as Digests from "../layers/Crypto/values/Digest.ts"
import * as Postgres from "../layers/Postgres/Postgres.ts"
import { Commits } from "../src/commits/Commits.ts"
import type { ConfigurationWish } from "../src/configuration/Wish.ts"
import { Digest } from "../src/values/Digest.ts"
import { clientOptions, startDatabase } from "../test/support/Database.ts"
import { kinds } from "../test/support/Twins.ts"
import { short, spreadOf } from "./support/Numbers.ts"
import { closedLoop } from "./support/Pace.ts"
import { payload } from "./support/Payload.ts"
import { cpuSeconds } from "./support/Process.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"

const CONNECTIONS = 8
const KEYS = 16

const overHttp = async ({ short: brief, runs }: Options) => {
  const seconds = brief ? 2 : 15
  await using server = await new Server().start()
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => server.connect()))
  const newest = new Map<string, number>()
  const wrong: Array<string> = []
  const publish = async (worker: number, n: number) => {
    const key = `bench.${worker}.${n % KEYS}`
    const version = await connections[worker]!.publish(key, payload(0))
    if (version <= (newest.get(key) ?? 0)) wrong.push(`${key} became version ${version} after a newer one`)
    newest.set(key, version)
  }
  await closedLoop(CONNECTIONS, brief ? 0.5 : 5, publish)
  const found = await repeat(runs, async () => {
    const [own, its] = [process.cpuUsage(), cpuSeconds(server.pid)]
    const { took, seconds: lasted } = await closedLoop(CONNECTIONS, seconds, publish)
    const { user, system } = process.cpuUsage(own)
    return {
      rate: took.length / lasted,
      ...spreadOf(took),
      client: (user + system) / 1e6 / lasted,
      server: (cpuSeconds(server.pid) - its) / lasted
    }
  })
  for (const [key, version] of newest) {
    const { body } = await connections[0]!.request("GET", `/v1/config/${key}?environment=production&consistency=strong`)
    if ((JSON.parse(body) as { version?: number }).version !== version) wrong.push(`${key} lost version ${version}`)
  }
  for (const connection of connections) connection.close()
  return { found, wrong }
}

/** Commits with `fibers` at once; a commit is one change of a key of its own. */
const storeAlone = async ({ short: brief, runs }: Options) => {
  const seconds = brief ? 1 : 10
  await using database = await startDatabase()
  const layer = Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))
  return await Effect.gen(function* () {
    const commits = yield* Commits
    const digestOf = yield* Digest
    const context = yield* Effect.context<never>()
    const commit = Effect.fnUntraced(function* (worker: number, n: number) {
      const value = payload(0)
      const wish: ConfigurationWish = {
        kind: "configuration",
        key: `bench.${worker}.${n % KEYS}`,
        environment: "production",
        value,
        valueType: "json",
        schema: null,
        strict: false,
        template: false,
        digest: digestOf(value),
        expectedVersion: undefined,
        changeLog: "benchmark"
      }
      yield* commits.commit({
        action: "publish",
        changes: [wish],
        actor: "benchmark",
        keyId: undefined,
        message: "benchmark",
        traceparent: "",
        idempotency: undefined
      })
    })
    const load = (fibers: number, lasting: number) =>
      Effect.promise(() =>
        closedLoop(fibers, lasting, (worker, n) => Effect.runPromiseWith(context)(commit(worker, n)))
      )
    yield* load(8, brief ? 0.3 : 3)
    const at = (fibers: number) =>
      Effect.promise(() =>
        repeat(runs, async () => {
          const { took, seconds: lasted } = await Effect.runPromiseWith(context)(load(fibers, seconds))
          return { rate: took.length / lasted, ...spreadOf(took) }
        })
      )
    return { eight: yield* at(8), many: yield* at(32) }
  }).pipe(Effect.provide([layer, Digests.layer]), Effect.scoped, Effect.runPromise)
}

const measure = async (options: Options): Promise<Report> => {
  const { found, wrong } = await overHttp(options)
  const { eight, many } = await storeAlone(options)
  const row = (what: string, reach: string, unit: string, values: ReadonlyArray<number>) => ({
    what,
    reach,
    unit,
    values
  })
  const all = (of: (run: (typeof found)[number]) => number) =>
    found.map((run) => `${short(of(run) * 100)} %`).join(", ")
  return {
    rows: [
      row(
        "durable publishes over HTTP, 8 connections",
        "≥ 2,500/s",
        "/s",
        found.map(({ rate }) => rate)
      ),
      row(
        "… p50",
        "",
        "ms",
        found.map(({ p50 }) => p50)
      ),
      row(
        "… p99",
        "< 20 ms",
        "ms",
        found.map(({ p99 }) => p99)
      ),
      row(
        "the store alone, 8 fibers",
        "",
        "/s",
        eight.map(({ rate }) => rate)
      ),
      row(
        "the store alone, 32 fibers",
        "≥ 4,000/s",
        "/s",
        many.map(({ rate }) => rate)
      ),
      row(
        "… p99",
        "",
        "ms",
        many.map(({ p99 }) => p99)
      )
    ],
    notes: [`CPU of a core over HTTP: server ${all(({ server }) => server)}; client ${all(({ client }) => client)}`],
    wrong
  }
}

if (import.meta.main) await main("publishes", measure)

/**
 * Durable publishes beside etcd's puts of the same values, in turns: over HTTP on keep-alive connections, over gRPC call by call, and on
 * streams of many; etcd and Herald's gRPC by the same plain grpc-js client. Then the store alone, with 8 and 64 fibers, and with releases of 100 keys. Closed loop, each worker its own keys.
 */

import { Effect, Layer } from "effect"
import * as Digests from "../layers/Crypto/values/Digest.ts"
import * as Postgres from "../layers/Postgres/Postgres.ts"
import { Commits } from "../src/commits/Commits.ts"
import type { ConfigurationWish } from "../src/configuration/Wish.ts"
import { Digest } from "../src/values/Digest.ts"
import { clientOptions, startDatabase } from "../test/support/Database.ts"
import { ETCD_VERSION } from "../test/support/etcdBinary.ts"
import { kinds } from "../test/support/Twins.ts"
import { Etcd, put } from "./support/Etcd.ts"
import { median, type Spread, short, spreadOf } from "./support/Numbers.ts"
import { closedLoop } from "./support/Pace.ts"
import { payload } from "./support/Payload.ts"
import { cpuSeconds, familySeconds } from "./support/Process.ts"
import { Publisher, publish } from "./support/Publishing.ts"
import { main, type Options, type Report, type Row, repeat } from "./support/Report.ts"
import { Server } from "./support/Server.ts"
import { Unary } from "./support/Unary.ts"

const CONNECTIONS = [8, 64] as const
const KEYS = 16
const RELEASE = 100
/** Items that a stream is sent at once, and answered before the next. */
const MANY = 32

/** A value of 200 bytes. */
const value = () => payload(0, 181)

/** One way to write, with a connection for each worker. */
interface Way {
  readonly name: string
  readonly write: (worker: number, n: number) => Promise<void>
  /** Values that one write has. */
  readonly values: number
  /** Seconds of CPU so far, of the server and of its database. */
  readonly cpu: () => readonly [server: number, database: number]
}

/** What one run of one way came to. */
interface Run extends Spread {
  readonly rate: number
  /** Microseconds of CPU a write. */
  readonly server: number
  readonly database: number
  readonly client: number
}

const run = async ({ write, values, cpu }: Way, workers: number, seconds: number): Promise<Run> => {
  const [own, [server, database]] = [process.cpuUsage(), cpu()]
  const { took, seconds: lasted } = await closedLoop(workers, seconds, write)
  const { user, system } = process.cpuUsage(own)
  const [serverNow, databaseNow] = cpu()
  const each = (spent: number) => (spent * 1e6) / (values * took.length)
  return {
    ...spreadOf(took),
    rate: (values * took.length) / lasted,
    server: each(serverNow - server),
    database: each(databaseNow - database),
    client: each((user + system) / 1e6)
  }
}

/** Runs by way and number of connections: `http 8`. */
type Runs = Map<string, Array<Run>>

const besideEtcd = async ({ short: brief, runs }: Options) => {
  const seconds = brief ? 1 : 8
  const most = Math.max(...CONNECTIONS)
  const each = <A>(make: () => A) => Array.from({ length: most }, make)
  await using server = await new Server().start()
  await using etcd = await new Etcd().start()
  const http = await Promise.all(each(() => server.connect()))
  const puts = each(() => etcd.connect())
  const calls = each(() => new Unary(server.grpc, server.token))
  const streams = CONNECTIONS[0]
  const publishers = Array.from({ length: streams }, () => new Publisher(server.grpc, server.token))
  const newest = new Map<string, number>()
  const wrong: Array<string> = []
  const keyOf = (worker: number, n: number) => `bench.${worker}.${n % KEYS}`
  const published = (key: string, version: number) => {
    if (version <= (newest.get(key) ?? 0)) wrong.push(`${key} became version ${version} after a newer one`)
    newest.set(key, version)
  }
  const herald = (): readonly [number, number] => [cpuSeconds(server.pid), familySeconds(server.databasePid)]
  let revision = 0
  const ways: ReadonlyArray<Way> = [
    {
      name: "etcd",
      write: async (worker, n) => {
        const found = await put(puts[worker]!, keyOf(worker, n), value())
        revision = Math.max(revision, found)
      },
      values: 1,
      cpu: () => [cpuSeconds(etcd.pid), 0]
    },
    {
      name: "grpc",
      write: async (worker, n) => {
        const key = keyOf(worker, n)
        published(key, await publish(calls[worker]!, key, value()))
      },
      values: 1,
      cpu: herald
    },
    {
      name: "http",
      write: async (worker, n) => {
        const key = keyOf(worker, n)
        published(key, await http[worker]!.publish(key, value()))
      },
      values: 1,
      cpu: herald
    }
  ]
  const many: Way = {
    name: "stream",
    write: async (worker) => {
      const items = Array.from({ length: MANY }, (_, at) => [`bench.many.${worker}.${at}`, value()] as const)
      const versions = await publishers[worker]!.publish(items)
      for (const [at, [key]] of items.entries()) published(key, versions[at]!)
    },
    values: MANY,
    cpu: herald
  }
  for (const way of ways) await run(way, most, brief ? 0.5 : 4)
  await run(many, streams, brief ? 0.5 : 2)
  const found: Runs = new Map()
  const before = revision
  for (let n = 0; n < runs; n++)
    for (const connections of CONNECTIONS)
      for (const way of ways) {
        const name = `${way.name} ${connections}`
        found.set(name, [...(found.get(name) ?? []), await run(way, connections, seconds)])
      }
  found.set(`stream ${streams}`, [...(await repeat(runs, () => run(many, streams, seconds)))])
  const putsDone = [...found].flatMap(([name, all]) => (name.startsWith("etcd ") ? all : []))
  const counted = putsDone.reduce((sum, { count }) => sum + count, 0)
  if (revision - before !== counted) wrong.push(`etcd counts ${revision - before} puts, its clients ${counted}`)
  for (const [key, version] of newest) {
    const { body } = await http[0]!.request("GET", `/v1/config/${key}?environment=production&consistency=strong`)
    if ((JSON.parse(body) as { version?: number }).version !== version) wrong.push(`${key} lost version ${version}`)
  }
  for (const { failed } of publishers) if (failed !== undefined) wrong.push(`a stream ended: ${failed.message}`)
  for (const connection of [...http, ...puts, ...calls, ...publishers]) connection.close()
  return { found, wrong }
}

/** Commits with `fibers` at once, of `changes` keys each; each fiber has its own. */
const storeAlone = async ({ short: brief, runs }: Options) => {
  const seconds = brief ? 1 : 8
  await using database = await startDatabase()
  const layer = Postgres.layer(clientOptions(database.url)).pipe(Layer.provide(kinds))
  return await Effect.gen(function* () {
    const commits = yield* Commits
    const digestOf = yield* Digest
    const context = yield* Effect.context<never>()
    const wishOf = (key: string): ConfigurationWish => {
      const text = value()
      return {
        kind: "configuration",
        key,
        environment: "production",
        value: text,
        valueType: "json",
        schema: null,
        strict: false,
        template: false,
        digest: digestOf(text),
        expectedVersion: undefined,
        changeLog: "benchmark"
      }
    }
    const commit = (worker: number, n: number, changes: number) =>
      commits.commit({
        action: changes > 1 ? "release" : "publish",
        changes: Array.from({ length: changes }, (_, at) =>
          wishOf(`bench.${worker}.${(n + at) % Math.max(KEYS, changes)}`)
        ),
        actor: "benchmark",
        keyId: undefined,
        message: "benchmark",
        traceparent: "",
        idempotency: undefined
      })
    const load = (fibers: number, changes: number, lasting: number) =>
      closedLoop(fibers, lasting, (worker, n) => Effect.runPromiseWith(context)(commit(worker, n, changes)))
    const at = async (fibers: number, changes: number) => {
      const { took, seconds: lasted } = await load(fibers, changes, seconds)
      return { rate: (changes * took.length) / lasted, ...spreadOf(took) }
    }
    return yield* Effect.promise(async () => {
      await load(8, 1, brief ? 0.3 : 3)
      const found = {
        eight: [] as Array<Awaited<ReturnType<typeof at>>>,
        many: [] as Array<Awaited<ReturnType<typeof at>>>,
        releases: [] as Array<Awaited<ReturnType<typeof at>>>
      }
      for (let n = 0; n < runs; n++) {
        found.eight.push(await at(8, 1))
        found.many.push(await at(64, 1))
        found.releases.push(await at(8, RELEASE))
      }
      return found
    })
  }).pipe(Effect.provide([layer, Digests.layer]), Effect.scoped, Effect.runPromise)
}

const row = (what: string, reach: string, unit: string, values: ReadonlyArray<number>): Row => ({
  what,
  reach,
  unit,
  values
})

const measure = async (options: Options): Promise<Report> => {
  const { found, wrong } = await besideEtcd(options)
  const { eight, many, releases } = await storeAlone(options)
  const all = (name: string, of: (run: Run) => number) => found.get(name)!.map(of)
  /** Run by run, as they took turns. */
  const beside = (name: string, connections: number, of: (run: Run) => number) =>
    all(`${name} ${connections}`, of).map((one, n) => one / all(`etcd ${connections}`, of)[n]!)
  const rate = (one: { readonly rate: number }) => one.rate
  const p50 = (one: Spread) => one.p50
  const p99 = (one: Spread) => one.p99
  const herald = (what: string, name: string, connections: number, reach: string): ReadonlyArray<Row> => [
    row(`${what}, ${connections} connections`, "", "/s", all(`${name} ${connections}`, rate)),
    row("… × etcd's puts", reach, "", beside(name, connections, rate)),
    row("… p50", "", "ms", all(`${name} ${connections}`, p50)),
    row("… p99", "", "ms", all(`${name} ${connections}`, p99)),
    row("… p99 × etcd's", "≤ 2", "", beside(name, connections, p99))
  ]
  const etcd = (connections: number): ReadonlyArray<Row> => [
    row(`etcd's puts, ${connections} connections`, "", "/s", all(`etcd ${connections}`, rate)),
    row("… p50", "", "ms", all(`etcd ${connections}`, p50)),
    row("… p99", "", "ms", all(`etcd ${connections}`, p99))
  ]
  const cpu = [...found.keys()].map((name) => {
    const [server, database, client] = [(r: Run) => r.server, (r: Run) => r.database, (r: Run) => r.client].map((of) =>
      short(median(all(name, of)))
    )
    return `${name}: ${server} / ${database} / ${client}`
  })
  return {
    rows: [
      ...CONNECTIONS.flatMap((connections) => [
        ...etcd(connections),
        ...herald("durable publishes over gRPC", "grpc", connections, "≥ 1"),
        ...herald("durable publishes over HTTP", "http", connections, "≥ 0.7")
      ]),
      row(`PublishMany, 8 streams, ${MANY} at a time`, "", "/s", all("stream 8", rate)),
      row(`… p99 of ${MANY}`, "", "ms", all("stream 8", p99)),
      row("the store alone, 8 fibers", "", "/s", eight.map(rate)),
      row("the store alone, 64 fibers", "", "/s", many.map(rate)),
      row(
        "… × etcd's puts at 64",
        "≥ 1.5",
        "",
        many.map((one, n) => one.rate / all("etcd 64", rate)[n]!)
      ),
      row("… p99", "", "ms", many.map(p99)),
      row(`releases of ${RELEASE} keys, 8 fibers`, "≥ 20,000", "keys/s", releases.map(rate)),
      row("… p99", "", "ms", releases.map(p99))
    ],
    notes: [
      `etcd ${ETCD_VERSION}, one member; values of 200 bytes`,
      `microseconds of CPU a write, server / its database / client: ${cpu.join("; ")}`
    ],
    wrong
  }
}

if (import.meta.main) await main("publishes", measure)

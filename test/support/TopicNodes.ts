/** Two nodes on one PostgreSQL, one of them behind a proxy, for suites on the log of topics. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { clientOptions, connect, type Database, type Session, startDatabase } from "./Database.ts"
import { TcpProxy } from "./TcpProxy.ts"
import { newTopic, numbered, readAll, startOf, textsOf } from "./Topics.ts"
import { kinds } from "./Twins.ts"

const nodeOn = (url: () => string) =>
  ManagedRuntime.make(Layer.unwrap(Effect.sync(() => Postgres.layer(clientOptions(url())).pipe(Layer.provide(kinds)))))

interface Started {
  readonly database: Database
  readonly session: Session
  readonly proxy: TcpProxy
  readonly port: number
}

/** Starts them before the suite's tests. */
export const topicNodes = () => {
  let started: Started | undefined
  const one = nodeOn(() => started!.database.url)
  /** Reaches the database through the proxy. */
  const other = nodeOn(() => started!.database.url.replace(`:${started!.database.port}`, `:${started!.port}`))
  beforeAll(async () => {
    const database = await startDatabase()
    const proxy = new TcpProxy(database.port)
    started = { database, proxy, session: await connect(database.url), port: await proxy.listen() }
  })
  afterAll(async () => {
    await Promise.all([one.dispose(), other.dispose()])
    if (started === undefined) return
    await started.proxy[Symbol.asyncDispose]()
    await started.session[Symbol.asyncDispose]()
    await started.database[Symbol.asyncDispose]()
  })
  const open = async (topic: number, producer: string) => {
    const opened = await one.runPromise(Effect.flatMap(TopicStore, ({ open }) => open(topic, producer)))
    return { producer, epoch: opened!.epoch }
  }
  return {
    one,
    other,
    open,
    newOne: (...change: Parameters<typeof newTopic>) => one.runPromise(newTopic(...change)),
    /** A connection that Herald knows nothing of. */
    query: (statement: string) => started!.session.query(statement),
    connect: () => connect(started!.database.url),
    proxy: () => started!.proxy
  }
}

/** `count` events of partition 0, numbered from `from`, which are also their sequences. */
export const append = (
  topic: number,
  from: number,
  count: number,
  producing?: { readonly producer: string; readonly epoch: number },
  name = "e"
) =>
  Effect.flatMap(TopicLog, (log) =>
    log.append({
      topic,
      partition: 0,
      events: numbered(from, count, name),
      compression: "zstd",
      producing: producing && { ...producing, sequence: from }
    })
  )

/** All that partition 0 has. */
export const textsIn = (topic: number) =>
  Effect.gen(function* () {
    return textsOf((yield* readAll({ topic, partition: 0 }, yield* startOf(topic))).pieces)
  })

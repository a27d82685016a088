/** What may go wrong, for how long, and how it is put right again. Two tables, whose faults may happen at the same time. */
import type { NativeDatabase } from "../support/Database.ts"
import type { KafkaServer } from "../support/Kafka.ts"
import type { Nodes } from "../support/Nodes.ts"
import { postmasterOf, processesOf, tell } from "../support/PostgresProcesses.ts"
import type { RedisServer } from "../support/Redis.ts"
import type { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

export interface Scene {
  readonly nodes: Nodes
  readonly database: NativeDatabase
  /** Between the nodes and the database. */
  readonly proxy: TcpProxy
  readonly redis: RedisServer
  /** Its start takes longer than a short run. */
  readonly kafka: KafkaServer | undefined
}

/** `node`: which of the three, where it matters. */
export type Fault = (scene: Scene, node: number, millis: number) => Promise<void>
export type Table = Readonly<Record<string, Fault>>

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** As a supervisor would: a node that does not start, because the database is away, is started again. */
const startAgain = async ({ nodes }: Scene, node: number) => {
  await waitUntil("a node to start", () =>
    nodes.servers[node]!.start().catch((error: Error) => {
      if (!error.message.startsWith("the server ended")) throw error
    })
  )
}

export const nodeFaults: Table = {
  "kill a node": async (scene, node, millis) => {
    await scene.nodes.servers[node]!.end("SIGKILL")
    await pause(millis)
    await startAgain(scene, node)
  },
  "restart a node": async (scene, node) => {
    await scene.nodes.servers[node]!.end("SIGTERM")
    await startAgain(scene, node)
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

export const serviceFaults: Table = {
  "kill Redis": async ({ redis }, _, millis) => {
    await redis.kill()
    await pause(millis)
    await redis.start()
  },
  "hang Redis": async ({ redis }, _, millis) => {
    await redis.signal("SIGSTOP")
    await pause(millis)
    await redis.signal("SIGCONT")
  },
  "empty Redis": async ({ redis }) => void (await redis.ask((one) => one.flushall())),
  "kill PostgreSQL": async ({ database }) => {
    const postmaster = postmasterOf(database.cluster)!
    tell([postmaster], "SIGKILL")
    // The harness starts it.
    await waitUntil(
      "PostgreSQL to serve again",
      () => ![undefined, postmaster].includes(postmasterOf(database.cluster))
    )
  },
  "hang PostgreSQL": async ({ database }, _, millis) => {
    const pids = processesOf(postmasterOf(database.cluster)!)
    tell(pids, "SIGSTOP")
    await pause(millis)
    tell(pids, "SIGCONT")
  },
  "kill Kafka": async ({ kafka }, _, millis) => {
    await kafka?.kill()
    await pause(millis)
    await kafka?.start()
  },
  "hang Kafka": async ({ kafka }, _, millis) => {
    await kafka?.signal("SIGSTOP")
    await pause(millis)
    await kafka?.signal("SIGCONT")
  }
}

/** A real PostgreSQL of a test's own, without a Herald: the embedded one, or one in a container (Place.ts). */
import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Redacted, Scope } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import type { ClientOptions } from "../../layers/Postgres/connection/Client.ts"
import { startEmbedded } from "../../layers/Postgres/embedded/Embedded.ts"
import { giveCluster } from "./Cluster.ts"
import { newFolder } from "./folder.ts"
import { inContainers } from "./Place.ts"

export interface Database extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

/** A database on this machine, whose files and processes a test can reach. */
export interface NativeDatabase extends Database {
  /** Its data folder. */
  readonly cluster: string
}

export const startDatabase = async (): Promise<Database> =>
  inContainers ? await (await import("./Containers.ts")).startPostgresContainer() : await startNativeDatabase()

export const startNativeDatabase = async (): Promise<NativeDatabase> => {
  const folder = newFolder()
  giveCluster(folder.path)
  const scope = Effect.runSync(Scope.make())
  const { url, port, cluster } = await Effect.runPromise(startEmbedded(folder.path).pipe(Scope.provide(scope)))
  return {
    url: Redacted.value(url),
    port,
    cluster,
    [Symbol.asyncDispose]: async () => {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      folder.remove()
    }
  }
}

/** The stores' options for a database of a test. */
export const clientOptions = (url: string, options: Partial<ClientOptions> = {}): ClientOptions => ({
  url: Redacted.make(url),
  connections: { reads: 3, writes: 4, other: 3 },
  acquireTimeout: 5_000,
  statementTimeout: 10_000,
  replica: undefined,
  notify: true,
  ...options
})

type Rows = ReadonlyArray<Record<string, unknown>>

export interface Session extends AsyncDisposable {
  /** Runs one statement. */
  readonly query: (statement: string) => Promise<Rows>
}

/** One connection that Herald knows nothing of. */
export const connect = async (url: string): Promise<Session> => {
  const scope = Effect.runSync(Scope.make())
  const client = await Effect.runPromise(
    PgClient.makeClient({ url: Redacted.make(url), applicationName: "test" }).pipe(
      Scope.provide(scope),
      Effect.provide(Reactivity.layer)
    )
  )
  return {
    query: (statement) => Effect.runPromise(client.unsafe<Record<string, unknown>>(statement).unprepared),
    [Symbol.asyncDispose]: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

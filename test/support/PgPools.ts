/** Pools of `pg`, which applications use, on a database of a test. */
import { createRequire } from "node:module"
import type { SqlClient, SqlPool } from "../../src/client/HeraldClient.ts"

/** Who is told of something. */
interface Tells<A extends ReadonlyArray<unknown>> {
  readonly on: (event: string, told: (...of: A) => void) => void
}
type Pool = SqlPool<SqlClient> & SqlClient & Tells<[Tells<[]>]> & { readonly end: () => Promise<void> }

const { Pool } = createRequire(import.meta.url)("pg") as {
  readonly Pool: new (options: { readonly connectionString: string; readonly max: number }) => Pool
}

/** At most so many connections. */
export const pgPool = (url: string, max: number): Pool & AsyncDisposable => {
  const pool = new Pool({ connectionString: url, max })
  // Its database may end before it.
  pool.on("connect", (client) => client.on("error", () => {}))
  pool.on("error", () => {})
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() })
}

/** One whose commits, by chance, happen and are not heard of. */
export const deafPool = (pool: SqlPool<SqlClient>, deaf: () => boolean): SqlPool<SqlClient> => ({
  connect: async () => {
    const client = await pool.connect()
    return {
      release: (destroy) => client.release(destroy),
      query: async (text, values) => {
        const result = await client.query(text, values)
        if (text === "commit" && deaf()) throw new Error("the connection was lost")
        return result
      }
    }
  }
})

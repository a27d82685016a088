/**
 * A PostgreSQL with a streaming standby, natively: the embedded binaries, which have no pg_basebackup, and the low-level backup of
 * PostgreSQL 18, section 25.3.4: pg_backup_start, a copy of the files, pg_backup_stop.
 */
import { execFile } from "node:child_process"
import { appendFileSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { Effect } from "effect"
import { type Binaries, findBinaries } from "../../layers/Postgres/embedded/Binaries.ts"
import { prepareCluster, USER } from "../../layers/Postgres/embedded/DatabaseFolder.ts"
import {
  freePort,
  type Postmaster,
  startPostmaster,
  stopPostmaster
} from "../../layers/Postgres/embedded/Postmaster.ts"
import { connect, type Session } from "./Database.ts"
import { newFolder } from "./folder.ts"
import { waitUntil } from "./waitUntil.ts"

const run = promisify(execFile)

/** One server: starts, stops, is killed. */
export class Node {
  readonly url: string
  readonly port: number
  readonly #binaries: Binaries
  readonly #log: string
  #postmaster: Postmaster | undefined

  constructor(binaries: Binaries, port: number, password: string, log: string) {
    this.#binaries = binaries
    this.#log = log
    this.port = port
    this.url = `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`
  }

  async start(): Promise<void> {
    this.#postmaster = await startPostmaster(this.#binaries, this.port, this.#log)
  }

  async stop(): Promise<void> {
    if (this.#postmaster !== undefined) await stopPostmaster(this.#postmaster)
    this.#postmaster = undefined
  }

  /** As a power failure: no checkpoint, no goodbye. */
  async kill(): Promise<void> {
    this.#postmaster!.process.kill("SIGKILL")
    await this.#postmaster!.ended
    this.#postmaster = undefined
  }

  session(): Promise<Session> {
    return connect(this.url)
  }

  async query(statement: string): Promise<ReadonlyArray<Record<string, unknown>>> {
    await using session = await this.session()
    return await session.query(statement)
  }
}

export interface Pair extends AsyncDisposable {
  readonly primary: Node
  readonly standby: Node
  /** Both servers in one URL. */
  readonly url: string
}

/** `synchronous`: a commit on the primary waits for the standby. */
export const startPair = async ({ synchronous }: { readonly synchronous: boolean }): Promise<Pair> => {
  const folder = newFolder()
  const nodes: Array<Node> = []
  let clusters: ReadonlyArray<string> = []
  const dispose = async () => {
    for (const node of nodes) await node.stop()
    for (const cluster of clusters) rmSync(cluster, { recursive: true, force: true })
    folder.remove()
  }
  try {
    const found = await Effect.runPromise(findBinaries(folder.path))
    clusters = [found.cluster, `${found.cluster}-standby`]
    const password = await Effect.runPromise(prepareCluster(folder.path, found))
    const nodeAt = async (cluster: string, name: string): Promise<Node> => {
      const node = new Node({ ...found, cluster }, await freePort(), password, join(folder.path, `${name}.log`))
      nodes.push(node)
      return node
    }
    appendFileSync(join(found.cluster, "postgresql.conf"), "wal_keep_size = 512MB\n")
    const primary = await nodeAt(found.cluster, "primary")
    await primary.start()

    const copy = `${found.cluster}-standby`
    {
      await using session = await primary.session()
      await session.query("select pg_backup_start('standby', true)")
      // Files may vanish while they are copied; the log of changes brings the copy up to date.
      await run("cp", ["-a", found.cluster, copy]).catch((error: { stderr?: string }) => {
        if (!/No such file|vanished/.test(error.stderr ?? "")) throw error
      })
      const [stopped] = await session.query("select labelfile from pg_backup_stop(false)")
      writeFileSync(join(copy, "backup_label"), String(stopped!["labelfile"]))
    }
    for (const name of ["postmaster.pid", "postmaster.opts", "pg_wal"]) rmSync(join(copy, name), { recursive: true })
    mkdirSync(join(copy, "pg_wal"), { mode: 0o700 })
    writeFileSync(join(copy, "standby.signal"), "")
    appendFileSync(
      join(copy, "postgresql.conf"),
      `primary_conninfo = 'host=127.0.0.1 port=${primary.port} user=${USER} password=${password} application_name=standby'\n`
    )
    if (found.owner !== undefined)
      for (const name of ["backup_label", "standby.signal", "pg_wal"])
        chownSync(join(copy, name), found.owner.uid, found.owner.gid)
    const standby = await nodeAt(copy, "standby")
    await standby.start()
    if (synchronous) {
      await primary.query("alter system set synchronous_standby_names = 'standby'")
      await primary.query("select pg_reload_conf()")
    }
    await waitUntil("the standby to follow", async () => {
      const [row] = await primary.query("select state, sync_state from pg_stat_replication")
      return row?.["state"] === "streaming" && row["sync_state"] === (synchronous ? "sync" : "async")
    })
    const url = primary.url.replace("/postgres", `,127.0.0.1:${standby.port}/postgres`)
    return { primary, standby, url, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

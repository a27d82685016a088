/**
 * What initdb makes, made once for a run of the suites: each server of a test that brings its own PostgreSQL begins with a copy of it, which
 * takes a tenth of the time. Who wants to see initdb at work gives a server its data folder (`Server`'s `data`) or its command.
 */
import { execFileSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { findBinaries } from "../../layers/Postgres/embedded/Binaries.ts"
import { prepareCluster } from "../../layers/Postgres/embedded/DatabaseFolder.ts"
import { newFolder } from "./folder.ts"

/** In the environment of all processes of a run: the data folder that was made, and where the cluster of it is. */
const MADE = "HERALD_TEST_CLUSTER"
const PASSWORD = "postgres-password"

/** Vitest's global set-up. Projects of one run share the cluster. */
export const setup = async (): Promise<(() => void) | undefined> => {
  if (process.env[MADE] !== undefined) return undefined
  const folder = newFolder()
  const binaries = await Effect.runPromise(findBinaries(folder.path))
  await Effect.runPromise(prepareCluster(folder.path, binaries))
  process.env[MADE] = JSON.stringify([folder.path, binaries.cluster])
  return folder.remove
}

/** Gives a data folder that has none a cluster; without a run's set-up, or where it is not beside, nothing: then initdb makes it. */
export const giveCluster = (dataDir: string): void => {
  const made = process.env[MADE]
  if (made === undefined) return
  const [folder, cluster] = JSON.parse(made) as [string, string]
  const to = join(dataDir, "postgres")
  if (cluster !== join(folder, "postgres") || existsSync(to)) return
  mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  execFileSync("cp", ["-a", cluster, to])
  copyFileSync(join(folder, PASSWORD), join(dataDir, PASSWORD)) // with its mode
}

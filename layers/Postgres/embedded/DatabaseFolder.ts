/**
 * Makes the data folder of the embedded PostgreSQL.
 *
 *   J1  It is made whole or not at all: initdb works in a folder of another name.
 *   J2  Nobody gets in without the password, which is random and readable by Herald's user only.
 */
import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chownSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { Effect } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import * as SecretFile from "../../Files/SecretFile.ts"
import type { Binaries } from "./Binaries.ts"

export const USER = "herald"
const run = promisify(execFile)

const passwordFile = (dataDir: string) => join(dataDir, "postgres-password")

const passwordOf = (path: string): string => {
  const password = SecretFile.read(path)?.trim() // K3
  if (password === undefined) throw new Error(`the password file ${path} is not there`)
  return password
}

/** Makes the cluster where there is none; returns its password. Fails `EmbeddedUnusable`. */
export const prepareCluster = (dataDir: string, { initdb, owner, cluster }: Binaries) =>
  Effect.tryPromise({
    try: async () => {
      if (existsSync(join(cluster, "PG_VERSION"))) return passwordOf(passwordFile(dataDir))
      const temporary = `${cluster}.new`
      const given = `${cluster}.password`
      rmSync(temporary, { recursive: true, force: true })
      mkdirSync(temporary, { mode: 0o700 })
      const password = randomBytes(32).toString("hex")
      for (const path of [given, passwordFile(dataDir)]) SecretFile.write(path, password)
      if (owner !== undefined) for (const path of [temporary, given]) chownSync(path, owner.uid, owner.gid)
      try {
        await run(
          initdb,
          [
            `--pgdata=${temporary}`,
            `--username=${USER}`,
            `--pwfile=${given}`,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions"
          ],
          { ...owner, cwd: temporary, env: { PATH: process.env["PATH"], LC_ALL: "C" } }
        )
      } finally {
        rmSync(given, { force: true })
      }
      renameSync(temporary, cluster) // J1
      return password
    },
    catch: (cause) =>
      failure(
        "EmbeddedUnusable",
        `the embedded PostgreSQL can't keep its data in ${cluster}: ${(cause as { stderr?: string }).stderr?.trim() || (cause as Error).message}. Give another folder with --data`,
        { cause }
      )
  })

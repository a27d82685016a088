/**
 * The server's folder: secrets that only its user may read, and where the running server is.
 *
 *   K1  Secrets are written with mode 0600, whole or not at all.
 *   K2  One running server a folder; what a killed one left does not hinder the next.
 */
import { randomBytes } from "node:crypto"
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { Context, Effect, Layer } from "effect"
import { failure, type HeraldError } from "../src/errors/HeraldError.ts"

export interface Addresses {
  readonly http: string
  readonly grpc: string
}

export class DataFolder extends Context.Service<
  DataFolder,
  {
    readonly path: string
    /** 32 random bytes, hex, made at the first start. */
    readonly pepper: Effect.Effect<string, HeraldError>
    readonly keepAdminToken: (token: string) => Effect.Effect<string, HeraldError>
    /** `server.json` says where the server is while it runs; the CLI on this machine reads it. */
    readonly announce: (addresses: Addresses) => Effect.Effect<void, HeraldError>
    readonly retract: Effect.Effect<void>
  }
>()("herald/layers/DataFolder") {
  static readonly layer = (path: string) => Layer.effect(DataFolder, make(path))
}

const writeSecret = (path: string, text: string) => {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, text, { mode: 0o600 })
  chmodSync(temporary, 0o600)
  renameSync(temporary, path) // K1
}

/** When the process was started, in the kernel's ticks, so that a number given again is not taken for the process that had it. */
const startOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[19] ?? ""
  } catch {
    return ""
  }
}

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** K2 */
const lock = (path: string): void => {
  const mine = `${process.pid} ${startOf(process.pid)}\n`
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(path, mine, { flag: "wx", mode: 0o600 })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || tries > 2) throw error
    }
    const [pid = "", start] = readFileSync(path, "utf8").trim().split(" ")
    if (Number(pid) > 0 && alive(Number(pid)) && (start ?? "") === startOf(Number(pid)))
      throw new Error(`a Herald server is using it, process ${pid}`)
    rmSync(path, { force: true })
  }
}

const make = Effect.fnUntraced(function* (folder: string) {
  const path = resolve(folder)
  const attempt = <A>(run: () => A) =>
    Effect.try({
      try: run,
      catch: (cause) =>
        failure(
          "SettingsInvalid",
          `the data folder ${path} can't be used: ${(cause as Error).message}. Give another with --data`,
          {
            cause
          }
        )
    })
  // Others may pass through (the database may run as a user of its own), none may look.
  yield* attempt(() => mkdirSync(path, { recursive: true, mode: 0o711 }))
  const file = (name: string) => join(path, name)
  yield* Effect.acquireRelease(
    attempt(() => lock(file("lock"))),
    () => Effect.sync(() => rmSync(file("lock"), { force: true }))
  )
  return DataFolder.of({
    path,
    pepper: attempt(() => {
      if (!existsSync(file("pepper"))) writeSecret(file("pepper"), randomBytes(32).toString("hex"))
      return readFileSync(file("pepper"), "utf8").trim()
    }),
    keepAdminToken: (token) =>
      attempt(() => {
        writeSecret(file("admin-token"), `${token}\n`)
        return file("admin-token")
      }),
    announce: (addresses) =>
      attempt(() => writeSecret(file("server.json"), `${JSON.stringify({ pid: process.pid, ...addresses })}\n`)),
    retract: Effect.sync(() => rmSync(file("server.json"), { force: true }))
  })
})

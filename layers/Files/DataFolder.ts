/**
 * Keeps the server's folder: secrets that only its user may read, and where the running server is.
 *
 *   K1, K3 in SecretFile.ts; K3 for the folder too: not someone else's. Otherwise the server does not start.
 *   K2  One running server a folder, also of several containers that share it; what a killed one left does not hinder the next.
 */
import { randomBytes } from "node:crypto"
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Context, Effect, Layer } from "effect"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { newKey } from "../Crypto/access/Ed25519.ts"
import * as SecretFile from "./SecretFile.ts"

export interface Addresses {
  readonly http: string
  readonly grpc: string
}

export class DataFolder extends Context.Service<
  DataFolder,
  {
    readonly path: string
    /** 32 random bytes in hex, made at the first start. Fails `SettingsInvalid`, as all do. */
    readonly pepper: Effect.Effect<string, HeraldError>
    /** The pepper, if it was made before. */
    readonly keptPepper: Effect.Effect<string | undefined, HeraldError>
    /** The private key that signs the audit log, PKCS #8 in PEM, made at the first start. */
    readonly auditKey: Effect.Effect<string, HeraldError>
    /** Returns the path of the token's file. */
    readonly keepAdminToken: (token: string) => Effect.Effect<string, HeraldError>
    /** `server.json` says where the server is while it runs; the CLI on this machine reads it. */
    readonly announce: (addresses: Addresses) => Effect.Effect<void, HeraldError>
    /** Takes `server.json` away. */
    readonly retract: Effect.Effect<void>
  }
>()("herald/layers/Files/DataFolder") {
  static readonly layer = (path: string) => Layer.effect(DataFolder, make(path))
}

/** K3. Root may use another user's folder. */
const checkFolder = (path: string): void => {
  const found = statSync(path)
  if (SecretFile.me === undefined || SecretFile.me === 0) return
  if (!SecretFile.mine(found)) throw new Error(`it belongs to another user (${found.uid})`)
  if ((found.mode & 0o002) !== 0) throw new Error("everybody may write in it; chmod o-w it")
}

/** When the process was started, in the kernel's ticks: tells it from a later process with the same number. */
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

const holderOf = (path: string) => {
  const [pid = "", start = ""] = existsSync(path) ? readFileSync(path, "utf8").trim().split(" ") : []
  return { pid, start }
}

const inUse = ({ pid }: { readonly pid: string }) =>
  new Error(`a Herald server is using it${pid === "" ? "" : `, process ${pid} here or in another container`}`)

/** SQLITE_BUSY */
const BUSY = 5

/**
 * K2. Takes a lock that the kernel holds as long as this process lives: SQLite's on an empty file, as Node has none. Undefined: another has it.
 * The file is never removed, or one could lock the removed file and another a new one.
 */
const hold = (path: string): DatabaseSync | undefined => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) SecretFile.append(path, "")
  else if (!found.isFile()) throw new Error(`${path} is a link or a folder`)
  const held = new DatabaseSync(path)
  try {
    held.exec("begin exclusive")
    return held
  } catch (error) {
    held.close()
    if ((error as { readonly errcode?: number }).errcode === BUSY) return undefined
    throw error
  }
}

/** K2. The refusal names who has the lock, where that can be told. */
const lock = (path: string): void => {
  const holder = `${process.pid} ${startOf(process.pid)}\n`
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(path, holder, { flag: "wx", mode: 0o600 })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || tries > 2) throw error
    }
    if (!lstatSync(path).isFile()) throw new Error(`${path} is a link or a folder`)
    const { pid, start } = holderOf(path)
    if (Number(pid) > 0 && alive(Number(pid)) && start === startOf(Number(pid))) throw inUse({ pid })
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
  // Others may pass through, as the database may run as another user; none may list it.
  yield* attempt(() => mkdirSync(path, { recursive: true, mode: 0o711 }))
  yield* attempt(() => checkFolder(path))
  const file = (name: string) => join(path, name)
  yield* Effect.acquireRelease(
    attempt(() => {
      const held = hold(file("held"))
      if (held === undefined) throw inUse(holderOf(file("lock")))
      try {
        lock(file("lock"))
        return held
      } catch (error) {
        held.close()
        throw error
      }
    }),
    (held) =>
      Effect.sync(() => {
        rmSync(file("lock"), { force: true })
        held.close()
      })
  )
  const keptPepper = () => SecretFile.read(file("pepper"))?.trim()
  /** What the file has, or what is put into it. */
  const keptOr = (name: string, make: () => string) =>
    attempt(() => {
      const kept = SecretFile.read(file(name))?.trim()
      if (kept !== undefined) return kept
      const made = make()
      SecretFile.write(file(name), made)
      return made
    })
  return DataFolder.of({
    path,
    keptPepper: attempt(keptPepper),
    pepper: keptOr("pepper", () => randomBytes(32).toString("hex")),
    auditKey: keptOr("audit-key", newKey),
    keepAdminToken: (token) =>
      attempt(() => {
        SecretFile.write(file("admin-token"), `${token}\n`)
        return file("admin-token")
      }),
    announce: (addresses) =>
      attempt(() => SecretFile.write(file("server.json"), `${JSON.stringify({ pid: process.pid, ...addresses })}\n`)),
    retract: Effect.sync(() => rmSync(file("server.json"), { force: true }))
  })
})

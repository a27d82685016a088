/**
 * Reads and writes files of the server's folder that only its user may read. Throws what is wrong.
 *
 *   K1  Secrets are written with mode 0600, whole or not at all.
 *   K3  A secret is read from, and written to, a plain file of this user (or root's) that nobody else may write: not one behind a link, nor
 *       someone else's.
 */
import { randomBytes } from "node:crypto"
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync
} from "node:fs"

/** The number of this process's user; undefined on Windows. */
export const me = process.geteuid?.()
export const mine = ({ uid }: Stats): boolean => me === undefined || uid === me || uid === 0

/** Windows has no links and pipes of this kind. */
const CAREFUL = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/** K3. Opening a pipe does not wait for its other end. */
const opened = <A>(path: string, flags: number, use: (file: number) => A): A => {
  let file: number
  try {
    file = openSync(path, flags | CAREFUL, 0o600)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ELOOP"
      ? new Error(`${path} is a link; put the file itself there`)
      : error
  }
  try {
    const found = fstatSync(file)
    if (!found.isFile()) throw new Error(`${path} is not a plain file`)
    if (!mine(found)) throw new Error(`${path} belongs to another user (${found.uid})`)
    if (me !== undefined && (found.mode & 0o022) !== 0)
      throw new Error(`${path} can be written by others; chmod 600 it`)
    return use(file)
  } finally {
    closeSync(file)
  }
}

/** Undefined: there is no such file. */
export const read = (path: string): string | undefined => {
  try {
    return opened(path, constants.O_RDONLY, (file) => readFileSync(file, "utf8"))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

export const append = (path: string, text: string): void =>
  opened(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, (file) => writeFileSync(file, text))

/** Replaces the file. */
export const write = (path: string, text: string): void => {
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: "wx" }) // K3: never through what lies there
    chmodSync(temporary, 0o600)
    renameSync(temporary, path) // K1
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

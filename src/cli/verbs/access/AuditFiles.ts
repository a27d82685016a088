/**
 * Files of exported audit logs, and the public keys for them: on this machine alone, with node:crypto.
 *
 *   AE6  A file is read and written in pieces: what is in memory does not grow with it, and a line is at most `LONGEST` bytes.
 */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto"
import { type FileHandle, open } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { lineOfText } from "../../../audit/AuditFile.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"

/** Bytes of a line; what is longer is none. AE6 */
const LONGEST = 8 * 1_048_576
const PIECE = 1_048_576
const NEWLINE = 0x0a

export const digest = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

const read = (spki: string): KeyObject | undefined => {
  try {
    const key = createPublicKey({ key: Buffer.from(spki, "base64"), format: "der", type: "spki" })
    return key.asymmetricKeyType === "ed25519" ? key : undefined
  } catch {
    return undefined
  }
}

export const idOf = (publicKey: string): string | undefined => {
  const der = read(publicKey)?.export({ type: "spki", format: "der" })
  return der === undefined || der.toString("base64") !== publicKey
    ? undefined
    : createHash("sha256").update(der).digest("hex").slice(0, 16)
}

/** Of the keys that are given, by their SPKI: a file has one signature after another of the same. */
export const verifier = (keys: Iterable<string>) => {
  const ready = new Map([...keys].flatMap((spki) => (read(spki) === undefined ? [] : [[spki, read(spki)!] as const])))
  return (publicKey: string, text: string, signature: string): boolean => {
    const key = ready.get(publicKey)
    const bytes = Buffer.from(signature, "base64url")
    if (key === undefined || bytes.toString("base64url") !== signature) return false
    return verify(null, Buffer.from(text, "utf8"), key, bytes)
  }
}

const PEM = /-----BEGIN PUBLIC KEY-----([\s\S]*?)-----END PUBLIC KEY-----/g

/** The public keys in a text by their ids: PEM, or the JSON of `herald audit key`. Undefined: there is none, or one that is not of Ed25519. */
export const publicKeysOf = (text: string): ReadonlyMap<string, string> | undefined => {
  const found = new Map<string, string>()
  for (const [, body = ""] of text.replaceAll("\\n", "\n").matchAll(PEM)) {
    const publicKey = body.replace(/\s/g, "")
    const id = idOf(publicKey)
    if (id === undefined) return undefined
    found.set(id, publicKey)
  }
  return found.size === 0 ? undefined : found
}

const attempt = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => usage(`${path}: ${(cause as Error).message}`, "Give the path of a file that can be used.")
  })

const opened = (path: string, flags: string) =>
  Effect.acquireRelease(
    attempt(path, () => open(path, flags, 0o600)),
    (file) => Effect.promise(() => file.close().catch(() => {}))
  )

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * Gives the lines of a file until one is answered with false; undefined for one that is too long or no UTF-8. `told` comes after each piece, with the
 * bytes that were read. AE6
 */
export const eachLine = Effect.fnUntraced(function* (
  path: string,
  next: (line: string | undefined) => boolean,
  told: (bytes: number) => Effect.Effect<void>
) {
  const file = yield* opened(path, "r")
  const piece = Buffer.alloc(PIECE)
  let rest: Array<Buffer> = []
  let [length, bytes] = [0, 0]
  const line = (end: Buffer): boolean => {
    const text = length + end.byteLength > LONGEST ? undefined : textOf(Buffer.concat([...rest, end]))
    rest = []
    length = 0
    return next(text)
  }
  while (true) {
    const { bytesRead } = yield* attempt(path, () => file.read(piece, 0, PIECE, null))
    if (bytesRead === 0) break
    bytes += bytesRead
    let from = 0
    for (let to = piece.indexOf(NEWLINE); to !== -1 && to < bytesRead; to = piece.indexOf(NEWLINE, from)) {
      if (!line(piece.subarray(from, to))) return
      from = to + 1
    }
    length += bytesRead - from
    if (length <= LONGEST) rest.push(Buffer.from(piece.subarray(from, bytesRead)))
    else rest = []
    yield* told(bytes)
  }
  if (length > 0) line(Buffer.alloc(0))
}, Effect.scoped)

/** Where a file that was begun goes on. */
export interface Begun {
  /** The last entry that it has; 0: none. */
  readonly after: number
  /** The lines behind this one. */
  readonly behind: ReadonlyArray<string>
}

const tailOf = async (file: FileHandle): Promise<Begun | undefined> => {
  const { size } = await file.stat()
  const start = Math.max(0, size - 2 * LONGEST)
  const bytes = Buffer.alloc(size - start)
  await file.read(bytes, 0, bytes.byteLength, start)
  const whole = bytes.subarray(0, bytes.lastIndexOf(NEWLINE) + 1)
  const lines = (textOf(start === 0 ? whole : whole.subarray(whole.indexOf(NEWLINE) + 1)) ?? "")
    .split("\n")
    .slice(0, -1)
  for (let at = lines.length - 1; at >= 0; at--) {
    const line = lineOfText(lines[at]!)
    if (line === undefined) return undefined
    if (line.type !== "entry") continue
    await file.truncate(start + whole.byteLength) // half a line that a crash left
    return { after: line.id, behind: lines.slice(at + 1) }
  }
  if (start > 0 || (size > 0 && lines.length === 0)) return undefined
  await file.truncate(whole.byteLength)
  return { after: 0, behind: lines }
}

/** A file that is begun, or gone on with; what is there and no export is left as it is. */
export const appending = Effect.fnUntraced(function* (path: string) {
  const file = yield* opened(path, "a+")
  const begun = yield* attempt(path, () => tailOf(file))
  if (begun === undefined)
    return yield* usage(`${path} is there, and ends with no line of an exported audit log`, "Give another path.")
  return {
    ...begun,
    append: (text: string) => attempt(path, () => file.appendFile(text)),
    sync: attempt(path, () => file.sync())
  }
})

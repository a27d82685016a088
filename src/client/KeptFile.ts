/**
 * Writes and reads the text of a last-known-good file. Pure.
 *
 *   KT1  It is used only by clients of the same shape, and only when every byte is as it was written.
 *   KT2  It is made and read in pieces, so that it never stops the process for long.
 */
import type { Version } from "./Entry.ts"
import { breathe, Digest, sha256 } from "./Platform.ts"

/** All that shapes the values that a server sends to a client. */
export interface Shape {
  readonly environment: string
  readonly service: string
  readonly labels: Readonly<Record<string, string>>
  readonly patterns: ReadonlyArray<string>
}

export interface Snapshot {
  readonly epoch: string
  readonly revision: bigint
  readonly versions: ReadonlyArray<Version>
}

/** A digest: the same for shapes that are the same, and only for them. */
export const shapeOf = ({ environment, service, labels, patterns }: Shape): string =>
  sha256(
    JSON.stringify([
      environment,
      service,
      Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : Number(a > b))),
      [...new Set(patterns)].sort()
    ])
  )

export interface Head {
  readonly epoch: string
  readonly revision: bigint
}

const layout = 2
/** Rows that are handled in one go. KT2. */
const together = 1_000

const rowOf = ({ key, version, revision, epoch, format, content, digest, strict, traceparent }: Version): string =>
  JSON.stringify({ key, version, revision: String(revision), epoch, format, content, digest, strict, traceparent })

/** In pieces: a line that says what the file is, a line for each key, and a line with the digest of all before. */
export async function* encode(snapshot: Snapshot, shape: Shape): AsyncGenerator<string, void, void> {
  const digest = new Digest()
  const { epoch, versions } = snapshot
  const { environment, service } = shape
  const revision = String(snapshot.revision)
  const head = { layout, environment, service, shape: shapeOf(shape), epoch, revision, keys: versions.length }
  let piece = `${JSON.stringify(head)}\n`
  for (let at = 0; at < versions.length; at += together) {
    for (const version of versions.slice(at, at + together)) piece += `${rowOf(version)}\n`
    digest.add(piece)
    yield piece
    piece = ""
    await breathe()
  }
  digest.add(piece)
  yield `${piece}${digestLine(digest.hex())}`
}

const digestLine = (hex: string): string => `{"sha256":"${hex}"}\n`
const digestLineLength = digestLine("0".repeat(64)).length

/** What the first line says; undefined when it is not of this layout. Not checked against the digest: good enough to sort files by. */
export const headOf = (text: string): Head | undefined => {
  try {
    const head = JSON.parse(text.slice(0, text.indexOf("\n")))
    if (head.layout !== layout || typeof head.epoch !== "string") return undefined
    return { epoch: head.epoch, revision: BigInt(head.revision) }
  } catch {
    return undefined
  }
}

/** Throws when the text is not exactly what `encode` wrote for this shape. KT1. */
export const decode = async (text: string, shape: Shape): Promise<Snapshot> => {
  const end = text.length - digestLineLength
  if (end < 0 || text.slice(end) !== digestLine(sha256(text.slice(0, end)))) {
    throw new Error("the digest does not match the content")
  }
  const first = text.indexOf("\n")
  const head = JSON.parse(text.slice(0, first))
  if (head.layout !== layout) throw new Error(`layout ${head.layout} is not known`)
  if (head.shape !== shapeOf(shape)) {
    throw new Error(`it belongs to ${head.service} in ${head.environment} with other labels or patterns`)
  }
  const versions: Array<Version> = []
  for (let at = first + 1; at < end; ) {
    const next = text.indexOf("\n", at)
    const row: Omit<Version, "revision"> & { readonly revision: string } = JSON.parse(text.slice(at, next))
    versions.push({ ...row, revision: BigInt(row.revision), deleted: false, unconfirmed: false, source: "disk" })
    if (versions.length % together === 0) await breathe()
    at = next + 1
  }
  return { epoch: head.epoch, revision: BigInt(head.revision), versions }
}

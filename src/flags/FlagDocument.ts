/**
 * The document of an environment's flags as flagd has it, in UTF-8: one for everyone who asks.
 *
 *   FY1  It is written once between two changes, and a flag in it once until something changes that it is made of.
 *   FY2  Writing takes a few milliseconds of a turn of the event loop, and one flag more, whatever the environment has.
 *   FY4  Whoever may have some of the flags gets a document of these, made of the same members: it is the same until one of its own changes.
 *   FY5  A digest of flags has in it which ones somebody may have: two who may have others never share an answer.
 *   FY3  A document is of one moment: a release is in it whole or not at all. Who asks gets one that is not older than the question, also
 *        while flags change all the time.
 */
import { Deferred, Effect, Exit, Metric } from "effect"
import { inKeyScope, type KeyScope, scopeText } from "../access/KeyScope.ts"
import { Weighed } from "../bounds/Weighed.ts"
import { histogram } from "../telemetry/Metrics.ts"
import type { Slices } from "../work/Slices.ts"

/** Bytes before and behind the JSON that are free in its memory, for whoever puts it into a message without a copy. */
export const ROOM = 16

export interface Written {
  /** Nobody may write into it. */
  readonly json: Buffer
  /** Its flags, in their order. */
  readonly members: ReadonlyArray<Member>
}

interface Member {
  readonly key: string
  /** `"name":{…}`; "" when a newer Herald wrote the flag. */
  readonly text: string
  /** As UTF-8. */
  readonly bytes: number
  /** Made when it is asked for. */
  digest?: string
}

const digests = new WeakMap<Written, string>()

/** Of all that is in it, by the digests of its flags: the same on every node. FY1, FY2 */
export const digestOfDocument = Effect.fnUntraced(function* (
  document: Written,
  digestOf: (text: string) => string,
  slices: Slices
) {
  const known = digests.get(document)
  if (known !== undefined) return known
  for (const member of document.members) {
    if (slices.over()) yield* slices.turn
    member.digest ??= digestOf(member.text).slice(0, 32)
  }
  const made = digestOf(document.members.map(({ digest }) => digest).join(" "))
  digests.set(document, made)
  return made
})

export interface Sources {
  /** In their order; the same array until one comes or goes. */
  readonly keys: () => ReadonlyArray<string>
  /** A flag as it is exported; undefined: it can't be. */
  readonly exported: (key: string) => string | undefined
  readonly slices: Slices
}

/** Bytes of the documents of parts, and how many of them are kept for who asks next; more are made each time. FY4 */
const [PARTS_BYTES, PARTS] = [64 * 1024 * 1024, 256]

const [OPEN, CLOSE] = [Buffer.from('{"flags":{'), Buffer.from("}}")]
const COMMA = 0x2c

/** Of how many changes it is. */
interface Made {
  readonly written: Written
  readonly changes: number
}

export class FlagDocument {
  readonly #sources: Sources
  #members = new Map<string, Member>()
  #changes = 0
  /** Until the next change. */
  #made: Made | undefined
  /** What is being written; undefined in it: who wrote has left. */
  #writing: Deferred.Deferred<Made | undefined> | undefined
  /** By their scopes. FY4 */
  readonly #parts = new Weighed<Written>(({ json, members }) => 1_024 + json.length + 16 * members.length)

  constructor(sources: Sources) {
    this.#sources = sources
  }

  /** These flags are to be exported anew; undefined: all. */
  outdated(keys: Iterable<string> | undefined): void {
    this.#changes++
    this.#made = undefined
    if (keys === undefined) this.#members = new Map()
    else for (const key of keys) this.#members.delete(key)
  }

  readonly newest: Effect.Effect<Written> = Effect.suspend(() => this.#since(this.#changes))

  /** FY4 */
  within(scope: KeyScope): Effect.Effect<Written> {
    if (scope === undefined) return this.newest
    const { slices } = this.#sources
    const id = scopeText(scope)
    return Effect.gen({ self: this }, function* () {
      const members: Array<Member> = []
      for (const member of (yield* this.newest).members) {
        if (slices.over()) yield* slices.turn
        if (inKeyScope(scope, member.key)) members.push(member)
      }
      const known = this.#parts.use(id)
      if (known !== undefined && isSame(known.members, members)) return known
      const made = yield* this.#joined(members)
      this.#parts.set(id, made)
      this.#parts.trim(PARTS_BYTES, PARTS)
      return made
    })
  }

  /** FY1, FY3 */
  #since(changes: number): Effect.Effect<Written> {
    return Effect.suspend(() => {
      const asked =
        this.#made !== undefined
          ? Effect.succeed(this.#made)
          : this.#writing === undefined
            ? this.#write
            : Deferred.await(this.#writing)
      return Effect.flatMap(asked, (made) =>
        made !== undefined && made.changes >= changes ? Effect.succeed(made.written) : this.#since(changes)
      )
    })
  }

  readonly #write: Effect.Effect<Made> = Effect.suspend(() => {
    const writing = (this.#writing = Deferred.makeUnsafe<Made | undefined>())
    return Effect.onExit(this.#making, (exit) =>
      Effect.sync(() => {
        this.#writing = undefined
        const made = Exit.isSuccess(exit) ? exit.value : undefined
        if (made?.changes === this.#changes) this.#made = made
        Deferred.doneUnsafe(writing, Effect.succeed(made))
      })
    )
  })

  readonly #making: Effect.Effect<Made> = Effect.gen({ self: this }, function* () {
    const { slices, keys } = this.#sources
    while (true) {
      const changes = this.#changes
      const members: Array<Member> = []
      for (const key of keys()) {
        if (slices.over()) yield* slices.turn // FY2
        members.push(this.#member(key))
      }
      if (changes !== this.#changes) continue // those that were exported are kept
      return { written: yield* this.#joined(members), changes }
    }
  })

  /** What it is made of is of one moment, whatever changes meanwhile. FY3 */
  #joined(members: ReadonlyArray<Member>): Effect.Effect<Written> {
    const { slices } = this.#sources
    return Effect.gen(function* () {
      const its = members.filter(({ bytes }) => bytes > 0)
      const length =
        its.reduce((sum, { bytes }) => sum + bytes + 1, OPEN.length + CLOSE.length) - Math.min(1, its.length)
      const json = Buffer.from(new ArrayBuffer(ROOM + length + ROOM), ROOM, length)
      let at = OPEN.copy(json)
      for (const [n, { text, bytes }] of its.entries()) {
        if (slices.over()) yield* slices.turn // FY2
        if (n > 0) json[at++] = COMMA
        json.write(text, at, bytes)
        at += bytes
      }
      CLOSE.copy(json, at)
      yield* Metric.update(documentBytes, length)
      return { json, members: its }
    })
  }

  #member(key: string): Member {
    let member = this.#members.get(key)
    if (member === undefined) {
      const exported = this.#sources.exported(key)
      const text = exported === undefined ? "" : `${JSON.stringify(key)}:${exported}`
      this.#members.set(key, (member = { key, text, bytes: Buffer.byteLength(text) }))
    }
    return member
  }
}

const isSame = (some: ReadonlyArray<Member>, others: ReadonlyArray<Member>): boolean =>
  some.length === others.length && some.every((one, n) => one === others[n])

const documentBytes = histogram(
  "herald_flag_document_bytes",
  "bytes of the document of an environment's flags, each time that it is written anew for streams and files",
  [1e3, 1e4, 1e5, 1e6, 1e7, 1e8]
)

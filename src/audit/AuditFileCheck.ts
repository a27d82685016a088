/**
 * Checks an exported audit log line by line, with public keys alone: no server, no database, no more memory for a longer file.
 *
 *   AE3  What is found is the first line at which the file is not what was written, and why: a changed, missing, moved or added entry, a chain that was
 *        made anew, an end that was cut. Believed are the keys that are given; those in the file are not.
 *   AE4  Each entry is behind a checkpoint of such a key, or the file is not whole.
 *   AE5  The hash of an entry has a `|` between its fields, so who moves one from a field into another does not change it. Where such a sign may stand is
 *        known: in the names of clients, and nowhere before the details of any other entry.
 */
import { type AuditLine, type CheckpointLine, type EntryLine, hashedOf, type KeyLine, lineOfText } from "./AuditFile.ts"
import { type Signed, signedOf } from "./Checkpoint.ts"

/**
 * line: it has not the form of one · changed: an entry is not what its hash is of · replaced: the next entry follows another one · missing: entries are gone ·
 * moved: they stand elsewhere · added: there is one that is there already · forged: a signature, or a key's name, is wrong · rewritten: the chain holds, and
 * is not the one that was signed · truncated: the end is gone · unsigned: no key that was given signed what is there
 */
export const fileProblems = [
  "line",
  "changed",
  "replaced",
  "missing",
  "moved",
  "added",
  "forged",
  "rewritten",
  "truncated",
  "unsigned"
] as const

export interface FileProblem {
  readonly kind: (typeof fileProblems)[number]
  /** The first line that is wrong, from 1; one more than there are where something is missing behind the last. */
  readonly line: number
  readonly entry: number | undefined
  readonly message: string
}

export interface FileVerdict {
  readonly problem: FileProblem | undefined
  /** Entries that were checked, the first and the last; 0 where there is none. */
  readonly entries: number
  readonly first: number
  readonly last: number
  /** Checkpoints that agree, those of keys that were not given, and the names of the first of these keys. */
  readonly checked: number
  readonly left: number
  readonly strangers: ReadonlyArray<string>
  readonly newest: { readonly entry: number; readonly at: number; readonly key: string } | undefined
}

export interface FileCheckOptions {
  /** SHA-256, hex. */
  readonly digest: (text: string) => string
  /** The id of a public key; undefined when it is none. */
  readonly idOf: (publicKey: string) => string | undefined
  readonly verifies: (publicKey: string, text: string, signature: string) => boolean
  /** Those that are believed, by their id. */
  readonly keys: ReadonlyMap<string, string>
  /** The file begins after this entry; 0: with the first. */
  readonly after: number
  /** A checkpoint from elsewhere, whose signature is right. */
  readonly shown: Signed | undefined
}

const STRANGERS = 8
const ACTION = /^[a-z][a-z0-9._-]*$/
const iso = (at: number) => new Date(at).toISOString()
const span = (from: number, to: number) => (from === to ? `entry ${from} is` : `entries ${from} to ${to} are`)

/** AE5 */
const ambiguous = ({ configId, action, performedBy, details }: EntryLine): boolean => {
  if (!ACTION.test(action) || !details.startsWith("{")) return true
  try {
    JSON.parse(details)
  } catch {
    return true
  }
  if (!action.startsWith("client.")) return configId.includes("|") || performedBy.includes("|client.")
  const service = configId.slice(configId.indexOf("/") + 1)
  return !performedBy.startsWith(`client:${service}/`)
}

export class FileCheck {
  readonly #options: FileCheckOptions
  /** The first thing that is wrong: nothing after it is looked at, but for whether what is missing comes later. */
  #problem: FileProblem | undefined
  #lines = 0
  #entries = 0
  #first = 0
  #last: number
  /** Undefined: what the file begins after is not known. */
  #hash: string | undefined
  #lineOfLast = 0
  #checked = 0
  #left = 0
  readonly #strangers = new Set<string>()
  #newest: FileVerdict["newest"]
  /** Entries up to this one are behind a checkpoint, and the line of the first that is not. */
  #covered: number
  #uncovered = 1
  /** Looked for in what follows: it was missing. */
  #sought: number | undefined

  constructor(options: FileCheckOptions) {
    this.#options = options
    this.#last = options.after
    this.#covered = options.after
    if (options.after === 0) this.#hash = ""
  }

  /** One line without its end; undefined: it is no text of UTF-8, or too long. False: the rest makes no difference. */
  next(text: string | undefined): boolean {
    this.#lines++
    const line = text === undefined ? undefined : lineOfText(text)
    if (this.#problem !== undefined) return this.#seek(line?.type === "entry" ? line.id : undefined)
    this.#problem = this.#look(line)
    return this.#problem === undefined || this.#sought !== undefined
  }

  /** After the last line. */
  end(): FileVerdict {
    const [last, shown] = [this.#last, this.#options.shown?.checkpoint]
    if (this.#problem === undefined && shown !== undefined && shown.id > BigInt(last)) {
      const message = `the file ends with entry ${last}, and at ${iso(shown.at)} the log had entry ${shown.id}: its end was cut, or it is an older one`
      this.#problem = this.#wrong("truncated", last + 1, message, this.#lines + 1)
    }
    if (this.#problem === undefined && (this.#entries === 0 || this.#covered < last)) {
      const message =
        this.#entries === 0
          ? "there is no entry"
          : `${span(this.#covered + 1, last)} signed by none of the keys that were given: the end was cut, the export was ended, or other keys signed it`
      this.#problem = this.#wrong(
        "unsigned",
        this.#entries === 0 ? undefined : this.#covered + 1,
        message,
        this.#uncovered
      )
    }
    return {
      problem: this.#problem,
      entries: this.#entries,
      first: this.#first,
      last: this.#entries === 0 ? 0 : last,
      checked: this.#checked,
      left: this.#left,
      strangers: [...this.#strangers],
      newest: this.#newest
    }
  }

  #wrong(kind: FileProblem["kind"], entry: number | undefined, message: string, line = this.#lines): FileProblem {
    return { kind, entry, message, line }
  }

  #look(line: AuditLine | undefined): FileProblem | undefined {
    if (line?.type === "entry") return this.#entry(line)
    if (line?.type === "checkpoint") return this.#checkpoint(line)
    if (line?.type === "key") return this.#key(line)
    return this.#wrong("line", undefined, "this is no line as `herald audit export` writes it: it was changed, or cut")
  }

  /** Is what is missing only elsewhere, or is it the end that is gone? */
  #seek(id: number | undefined): boolean {
    const [sought, problem] = [this.#sought, this.#problem!]
    if (id === undefined || sought === undefined) return sought !== undefined
    if (id === sought) {
      const message = `entry ${sought} should stand here, and stands in line ${this.#lines}`
      this.#problem = { ...problem, kind: "moved", message }
      this.#sought = undefined
    } else if (problem.kind === "truncated") this.#problem = { ...problem, kind: "missing" }
    return this.#sought !== undefined
  }

  #miss(kind: "missing" | "truncated", upTo: number, message: string): FileProblem {
    this.#sought = this.#last + 1
    return this.#wrong(kind, this.#sought, `${span(this.#sought, upTo)} missing: ${message}`)
  }

  #entry(entry: EntryLine): FileProblem | undefined {
    const { id, hash, prevHash } = entry
    const before = this.#last
    if (id > before + 1) {
      const part = this.#entries === 0 ? `; what begins there on purpose is checked with --after ${id - 1}` : ""
      return this.#miss("missing", id - 1, `entry ${id} follows ${before === 0 ? "nothing" : `entry ${before}`}${part}`)
    }
    if (id <= before) {
      return this.#wrong("added", id, `entry ${id} follows entry ${before}: it was put in, or stands there twice`)
    }
    if (this.#options.digest(hashedOf(entry)) !== hash || ambiguous(entry)) {
      return this.#wrong("changed", id, `entry ${id} is not what its hash is of`)
    }
    if (this.#hash !== undefined && prevHash !== this.#hash) {
      const at = this.#lineOfLast === 0 ? this.#lines : this.#lineOfLast
      const message = `entry ${id} in line ${this.#lines} was made after another entry ${before}: this one was put in its place, or the one after it was`
      return this.#wrong("replaced", this.#lineOfLast === 0 ? id : before, message, at)
    }
    const shown = this.#options.shown?.checkpoint
    if (shown !== undefined && shown.id === BigInt(id) && shown.hash !== hash) return this.#rewritten(id, shown.at)
    if (this.#covered === before) this.#uncovered = this.#lines
    if (this.#entries === 0) this.#first = id
    this.#entries++
    this.#last = id
    this.#hash = hash
    this.#lineOfLast = this.#lines
    return undefined
  }

  #checkpoint({ line }: CheckpointLine): FileProblem | undefined {
    const signed = signedOf(line)
    const key = signed?.checkpoint.key
    if (signed === undefined || key === undefined) {
      return this.#wrong("line", undefined, "this has not the form of a checkpoint that a public key can check")
    }
    const publicKey = this.#options.keys.get(key)
    if (publicKey === undefined) {
      this.#left++
      if (this.#strangers.size < STRANGERS) this.#strangers.add(key)
      return undefined
    }
    const { at, hash } = signed.checkpoint
    const id = Number(signed.checkpoint.id)
    if (!this.#options.verifies(publicKey, signed.body, signed.signature)) {
      return this.#wrong("forged", id, `the key ${key} did not sign this checkpoint of entry ${id}`)
    }
    if (id > this.#last) return this.#miss("truncated", id, `at ${iso(at)} the log had entry ${id}`)
    if (id < this.#last) {
      return this.#wrong("moved", id, `the checkpoint of entry ${id} stands after entry ${this.#last}`)
    }
    this.#hash ??= hash // of what the file begins after
    if (hash !== this.#hash) return this.#rewritten(id, at)
    this.#checked++
    this.#covered = id
    this.#newest = { entry: id, at, key }
    return undefined
  }

  #rewritten(id: number, at: number): FileProblem {
    const from = this.#covered === 0 ? "" : ` after ${this.#covered}`
    const message = `entry ${id} is not the one that was signed at ${iso(at)}: the chain was made anew, from some entry${from} on`
    return this.#wrong("rewritten", id, message)
  }

  #key({ id, publicKey }: KeyLine): FileProblem | undefined {
    if (this.#options.idOf(publicKey) === id) return undefined
    return this.#wrong("forged", undefined, `this public key has not the name ${id}`)
  }
}

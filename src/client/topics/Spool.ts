/**
 * What a producer has not published yet, in a file: it survives the process.
 *
 *   ZS1  What is to be published is on the disk before it is sent; after a restart it is sent under the same sequences, before anything new.
 *   ZS2  A line that was cut short is left out: nothing of it was sent. A file that another has changed, or that is for another producer or
 *        topic, is refused as a whole.
 *   ZS3  The file is emptied whenever nothing waits, and written anew when most of it is no longer wanted. It is bounded.
 */
import { Event } from "../../../proto/generated/herald/topics/v1/topics.ts"
import { messageOf, TopicError } from "../ClientError.ts"
import { errors } from "../Errors.ts"
import { fromBase64, type Growing, grow, readOwn, renameFile, toBase64, writeBeside } from "../Platform.ts"

export interface Spooled {
  readonly partition: number
  sequence: number
  readonly events: ReadonlyArray<Event>
}

/** Bytes. ZS3 */
const most = 128 * 1_048_576
const rewriteAbove = 4 * 1_048_576

const eventText = (event: Event): string => toBase64(Event.encode(event).finish())
const lineOf = ({ partition, sequence, events }: Spooled): string =>
  `${JSON.stringify({ p: partition, s: sequence, e: events.map(eventText) })}\n`

const unusable = (path: string, why: string, cause?: unknown): TopicError =>
  new TopicError(errors.SpoolUnusable.code, `${path}: ${why}. ${errors.SpoolUnusable.fix}`, { cause })

export class Spool {
  readonly path: string
  readonly #head: string
  /** In the order in which they were added. */
  readonly #waiting = new Set<Spooled>()
  #file: Growing
  #bytes: number
  #live = 0
  readonly #sizes = new Map<Spooled, number>()
  #work: Promise<void> = Promise.resolve()
  #unwritten = ""

  /** What was not published when the file was written last. Rejects with `TopicError`. */
  static async open(path: string, topic: string, producer: string): Promise<Spool> {
    const head = `${JSON.stringify({ herald: "spool", layout: 1, topic, producer })}\n`
    try {
      const text = (await readOwn(path)) ?? ""
      const waiting = read(text, head)
      const spool = new Spool(path, head, await grow(path), text.length)
      for (const item of waiting) spool.#keep(item, lineOf(item).length)
      if (waiting.length === 0) await spool.#file.clear().then(() => spool.#begun())
      else await spool.#rewrite()
      return spool
    } catch (error) {
      throw unusable(path, messageOf(error), error)
    }
  }

  private constructor(path: string, head: string, file: Growing, bytes: number) {
    this.path = path
    this.#head = head
    this.#file = file
    this.#bytes = bytes
  }

  get waiting(): ReadonlyArray<Spooled> {
    return [...this.#waiting]
  }

  get full(): boolean {
    return this.#bytes >= most
  }

  /** Resolves when it is on the disk. Those that come together are written together. ZS1 */
  async add(item: Spooled): Promise<void> {
    const line = lineOf(item)
    this.#keep(item, line.length)
    await this.#write(line)
  }

  /** It is published. */
  done(item: Spooled): void {
    if (!this.#waiting.delete(item)) return
    this.#live -= this.#sizes.get(item) ?? 0
    this.#sizes.delete(item)
    const rest = this.#live * 2
    if (this.#waiting.size === 0 || (this.#bytes > rewriteAbove && this.#bytes > rest)) this.#tidy()
  }

  /** It never will be; what is behind it in its partition moves up, here as well. */
  refused(item: Spooled): void {
    const { partition, sequence, events } = item
    this.done(item)
    void this.#write(`${JSON.stringify({ x: [partition, sequence, events.length] })}\n`).catch(() => {})
  }

  async close(): Promise<void> {
    await this.#work.catch(() => {})
    await this.#file.close()
  }

  #keep(item: Spooled, bytes: number): void {
    this.#waiting.add(item)
    this.#sizes.set(item, bytes)
    this.#live += bytes
  }

  #write(text: string): Promise<void> {
    const begun = this.#unwritten !== ""
    this.#unwritten += text
    if (!begun) this.#work = this.#work.catch(() => {}).then(() => this.#flush())
    return this.#work
  }

  async #flush(): Promise<void> {
    const text = this.#unwritten
    this.#unwritten = ""
    this.#bytes += text.length
    try {
      await this.#file.add(text)
    } catch (error) {
      throw unusable(this.path, messageOf(error), error)
    }
  }

  /** ZS3 */
  #tidy(): void {
    this.#work = this.#work
      .catch(() => {})
      .then(async () => {
        if (this.#unwritten !== "") return
        if (this.#waiting.size > 0) return this.#rewrite()
        await this.#file.clear()
        await this.#begun()
      })
    this.#work.catch(() => {})
  }

  async #begun(): Promise<void> {
    this.#bytes = this.#head.length
    await this.#file.add(this.#head)
  }

  async #rewrite(): Promise<void> {
    const lines = [this.#head, ...[...this.#waiting].map(lineOf)]
    async function* pieces() {
      yield* lines
    }
    const beside = await writeBeside(this.path, pieces())
    await this.#file.close()
    await renameFile(beside, this.path)
    this.#file = await grow(this.path)
    this.#bytes = lines.reduce((sum, line) => sum + line.length, 0)
  }
}

/** ZS2. Throws for what is no such file. */
const read = (text: string, head: string): ReadonlyArray<Spooled> => {
  if (text === "" || !text.includes("\n")) return []
  const lines = text.split("\n").slice(0, -1)
  if (`${lines[0]}\n` !== head) throw new Error("it is not this producer's")
  let items: Array<Spooled> = []
  for (const line of lines.slice(1)) {
    const row = JSON.parse(line) as { p: number; s: number; e: Array<string> } | { x: [number, number, number] }
    if ("x" in row) {
      const [partition, sequence, count] = row.x
      items = items.filter((item) => item.partition !== partition || item.sequence !== sequence)
      for (const item of items) if (item.partition === partition && item.sequence > sequence) item.sequence -= count
    } else
      items.push({ partition: row.p, sequence: row.s, events: row.e.map((event) => Event.decode(fromBase64(event))) })
  }
  return items
}

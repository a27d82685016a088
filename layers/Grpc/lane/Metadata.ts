/** What a client says with its call. */
import type { CallMetadata } from "../../../src/edge/grpc/ServerCall.ts"
import type { Header } from "./Hpack.ts"

type Value = string | Buffer

/** What a transport says about itself, and no handler is told. */
const OF_TRANSPORT = new Set([
  ...["grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "accept-encoding", "te", "content-type"]
])

/** Names of values that are bytes. */
const isPacked = (name: string): boolean => name.endsWith("-bin")

export class Metadata implements CallMetadata {
  /** As they came. */
  readonly #values = new Map<string, Array<string>>()

  static from(headers: ReadonlyArray<Header>): Metadata {
    const metadata = new Metadata()
    for (const [name, text] of headers) if (!OF_TRANSPORT.has(name)) metadata.#add(name, text)
    return metadata
  }

  #add(name: string, text: string): void {
    const values = this.#values.get(name)
    if (values === undefined) this.#values.set(name, [text])
    else values.push(text)
  }

  /** Of bytes, one value may be many; they are made here, for a call that nobody asks may have thousands of them. HX2 */
  get(name: string): Array<Value> {
    const lower = name.toLowerCase()
    const values = this.#values.get(lower) ?? []
    if (!isPacked(lower)) return [...values]
    return values.flatMap((text) => text.split(",").map((one) => Buffer.from(one, "base64")))
  }

  /** The first of each. */
  getMap(): Record<string, Value> {
    const first = (name: string, text: string): Value =>
      isPacked(name) ? Buffer.from(text.split(",", 1)[0]!, "base64") : text
    return Object.fromEntries([...this.#values].map(([name, values]) => [name, first(name, values[0]!)]))
  }

  /** For libraries that answer with it. */
  toHttp2Headers(): Record<string, Array<string>> {
    return Object.fromEntries([...this.#values].map(([name, values]) => [name, [...values]]))
  }
}

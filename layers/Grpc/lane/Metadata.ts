/** What a client says with its call. */
import type { CallMetadata } from "../../../src/edge/grpc/ServerCall.ts"
import type { Header } from "./Hpack.ts"

type Value = string | Buffer

/** What a transport says about itself, and no handler is told. */
const OF_TRANSPORT = new Set([
  ...["grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "accept-encoding", "te", "content-type"]
])

export class Metadata implements CallMetadata {
  readonly #values = new Map<string, Array<Value>>()

  static from(headers: ReadonlyArray<Header>): Metadata {
    const metadata = new Metadata()
    for (const [name, text] of headers) {
      if (OF_TRANSPORT.has(name)) continue
      if (name.endsWith("-bin")) for (const one of text.split(",")) metadata.add(name, Buffer.from(one, "base64"))
      else metadata.add(name, text)
    }
    return metadata
  }

  add(name: string, value: Value): void {
    const lower = name.toLowerCase()
    const values = this.#values.get(lower)
    if (values === undefined) this.#values.set(lower, [value])
    else values.push(value)
  }

  get(name: string): Array<Value> {
    return this.#values.get(name.toLowerCase()) ?? []
  }

  /** The first of each. */
  getMap(): Record<string, Value> {
    return Object.fromEntries([...this.#values].map(([name, values]) => [name, values[0]!]))
  }

  /** For libraries that answer with it. */
  toHttp2Headers(): Record<string, Array<string>> {
    const text = (value: Value) => (typeof value === "string" ? value : value.toString("base64"))
    return Object.fromEntries([...this.#values].map(([name, values]) => [name, values.map(text)]))
  }
}

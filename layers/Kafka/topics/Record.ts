/** One record (version 2) as Kafka has it. Pure. */
import { sizedSize, varintSize, type Writing } from "./Bytes.ts"

export interface KafkaRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** In their order; a name may come more than once. */
  readonly headers: ReadonlyArray<readonly [name: string, value: Uint8Array | null]>
}

const encoder = new TextEncoder()

/** `delta`: how far behind the first of its batch. */
export const writeRecord = (to: Writing, { key, value, headers }: KafkaRecord, delta: number): void => {
  const named = headers.map(([name, value]) => [encoder.encode(name), value] as const)
  let size = 2 + varintSize(delta) + sizedSize(key) + sizedSize(value) + varintSize(named.length)
  for (const [name, value] of named) size += sizedSize(name) + sizedSize(value)
  to.varint(size).int8(0).varint(0).varint(delta).sized(key).sized(value).varint(named.length)
  for (const [name, value] of named) to.sized(name).sized(value)
}

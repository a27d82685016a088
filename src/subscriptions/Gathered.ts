/** What a node has of events, and what it is about to write of where they are. */
import type { Cursor } from "./Cursor.ts"
import type { Flush } from "./CursorStore.ts"

export interface Body {
  readonly at: number
  readonly event: Uint8Array
}

/** What was saved, to be told to the machine when it is durable. */
export interface Gathered {
  readonly version: number
  readonly flushes: ReadonlyArray<Flush>
  readonly cursors: ReadonlyArray<Cursor<Body>>
  readonly marks: ReadonlyMap<Cursor<Body>, number>
}

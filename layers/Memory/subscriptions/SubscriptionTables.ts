/** What the twins of subscriptions hold of a `State`, as migration 0037 has it. */
import type { Flush } from "../../../src/subscriptions/CursorStore.ts"
import { DEAD_LETTERS, type DeadLetter, type Letter } from "../../../src/subscriptions/DeadLetter.ts"
import type { Numbered } from "../../../src/subscriptions/LetterBox.ts"
import type { CursorPlace } from "../../../src/subscriptions/Place.ts"
import { beginAt, type SavedCursor } from "../../../src/subscriptions/SavedCursor.ts"
import type { Slice } from "../../../src/subscriptions/Share.ts"
import type { Subscription } from "../../../src/subscriptions/Subscription.ts"

export interface CursorRow {
  readonly slice: Slice
  readonly share: number
  token: bigint
  version: number
  saved: SavedCursor
}

export interface ShareRow {
  run: string
  token: bigint
  /** It is the run's while its lease lasts, and no longer than that. */
  until: number
}

/** A run that serves it, while its lease lasts. */
export interface NodeRow {
  consumers: number
  lives: ReadonlyArray<number>
  isBehind: boolean
  since: number
}

export interface LetterRow extends DeadLetter {
  refused: string
  numbered: Numbered | null
  isPosted: boolean
}

export interface Rows {
  subscription: Subscription
  readonly cursors: Map<string, CursorRow>
  readonly shares: Map<number, ShareRow>
  readonly nodes: Map<string, NodeRow>
  /** Changes of which run has which of its shares. */
  hands: number
  readonly letters: Map<string, LetterRow>
}

/** What a dead letter is known by. */
export const letterKey = ({ partition }: Slice, { epoch, logEpoch, offset }: Letter): string =>
  `${epoch}/${partition}/${logEpoch}/${offset}`

export const cursorKey = ({ partition, from }: Slice): string => `${partition}/${from}`

export class SubscriptionTables {
  /** By id. */
  readonly all = new Map<string, Rows>()
  /** Until when the lease of each lasts. */
  readonly runs = new Map<string, number>()
  ids = 0
  letterIds = 0

  named(topicName: string, subscriptionName: string): Rows | undefined {
    return [...this.all.values()].find(
      ({ subscription: it }) => it.topicName === topicName && it.subscriptionName === subscriptionName
    )
  }

  /** Those that are there are left as they are. */
  place(rows: Rows, places: ReadonlyArray<CursorPlace>): void {
    rows.hands++
    for (const { partition, from, to, share, logEpoch, offset } of places) {
      if (!rows.shares.has(share)) rows.shares.set(share, { run: "", token: 0n, until: Number.POSITIVE_INFINITY })
      const slice = { partition, from, to }
      if (rows.cursors.has(cursorKey(slice))) continue
      rows.cursors.set(cursorKey(slice), { slice, share, token: 0n, version: 0, saved: beginAt(logEpoch, offset) })
    }
  }

  isAlive(run: string, now: number): boolean {
    return (this.runs.get(run) ?? Number.NEGATIVE_INFINITY) > now
  }

  isFull({ letters }: Rows, more: number): boolean {
    return more > 0 && letters.size + more > DEAD_LETTERS
  }

  /** False: it is another's. */
  flush({ id, slice, token, version, saved, letters }: Flush, now: number): boolean {
    const rows = this.all.get(id)
    const row = rows?.cursors.get(cursorKey(slice))
    if (rows === undefined || row === undefined || row.token !== token) return false
    for (const letter of letters) {
      const name = letterKey(slice, letter)
      if (!rows.letters.has(name))
        rows.letters.set(name, {
          ...letter,
          id: ++this.letterIds,
          partition: slice.partition,
          at: now,
          refused: "",
          numbered: null,
          isPosted: false
        })
    }
    if (row.version >= version) return true
    row.version = version
    row.saved = saved
    return true
  }
}

/** Holds a `State`'s part of the outbox. */
import type { Position } from "../../../src/propagation/Position.ts"

export class OutboxTables {
  position: Position = { epoch: "", revision: 0n }
}

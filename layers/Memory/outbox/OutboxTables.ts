/** What a `State` has of the outbox. */
import type { Position } from "../../../src/propagation/Position.ts"

export class OutboxTables {
  position: Position = { epoch: "", revision: 0n }
}

/** AuditKeys over a `State`. */
import { Effect, Layer } from "effect"
import { AuditKeys, KNOWN_KEYS } from "../../../src/audit/AuditKeys.ts"
import { State } from "../State.ts"
import { AuditKeyTables } from "./AuditKeyTables.ts"

export const layer = Layer.effect(
  AuditKeys,
  Effect.map(State.service, (state) => {
    const { lines } = state.tables(AuditKeyTables)
    return AuditKeys.of({
      keep: (id, line) =>
        Effect.sync(() => {
          lines.delete(id)
          lines.set(id, line)
          for (const oldest of [...lines.keys()].slice(0, -KNOWN_KEYS)) lines.delete(oldest)
        }),
      list: Effect.sync(() => [...lines.values()])
    })
  })
)

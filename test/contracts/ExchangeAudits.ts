/** What every store of the audit log must do with exchanges. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ExchangeAudit, type ExchangeEntry } from "../../src/access/ExchangeAudit.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { fresh } from "./People.ts"
import { verified } from "./Verified.ts"

export const exchangeAuditsContract = (
  test: <E>(name: string, body: () => Effect.Effect<void, E, ExchangeAudit | AuditLog>) => void
) => {
  const whole: Omit<ExchangeEntry, "principal"> = {
    ...({ keyId: "k1", by: "jwt", signer: "s", role: "publisher", environments: ["*", "staging"] } as const),
    ...({ topics: [], keys: ["a.*", "b|\"'\\"], kinds: ["flag", "config"] } as const),
    ...{ lifeMillis: 900_000, until: 1_900_000_000_123, address: "2001:db8::7" }
  }
  const narrow: Omit<ExchangeEntry, "principal"> = {
    ...({ keyId: "k2", by: "key", role: "viewer", environments: [] } as const),
    ...{ lifeMillis: 1_000, until: 1 }
  }

  test("EX1 an exchange is an entry of the chain, with all that was told of it, and of no environment", () =>
    Effect.gen(function* () {
      const [{ append }, log] = [yield* ExchangeAudit, yield* AuditLog]
      const told = [
        { principal: fresh("robot"), ...whole },
        { principal: fresh("robot"), ...narrow }
      ]
      const before = (yield* log.read({ limit: 1 }))[0]?.id ?? 0n
      for (const entry of told) yield* append(entry)

      const found = (yield* log.read({ limit: 10, after: before })).map(
        ({ configId, action, performedBy, details }) => ({ configId, action, performedBy, details })
      )
      assert.deepStrictEqual(
        found,
        told.map(({ principal, ...details }) => ({
          ...{ configId: "", action: "token.exchange", performedBy: principal, details: { ...details } }
        }))
      )
      assert.isUndefined((yield* verified).problem)
    }))

  test("EX1 of many at once each has its entry, and the chain holds", () =>
    Effect.gen(function* () {
      const [{ append }, log] = [yield* ExchangeAudit, yield* AuditLog]
      const names = Array.from({ length: 20 }, () => fresh("crowd"))
      yield* Effect.forEach(names, (principal) => append({ principal, ...narrow }), {
        concurrency: "unbounded",
        discard: true
      })
      const found = (yield* log.read({ limit: 20 })).map(({ performedBy }) => performedBy)
      assert.sameMembers(found, names)
      assert.isUndefined((yield* verified).problem)
    }))
}

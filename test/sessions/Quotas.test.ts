import { assert, describe, it } from "@effect/vitest"
import { Quotas } from "../../src/sessions/Quotas.ts"
import { subscription } from "../support/Subscription.ts"

const client = (keyId: string, environment: string, instance: string) =>
  subscription({
    client: { environment, service: "svc", instance, labels: {} },
    identity: { name: keyId, keyId, role: "subscriber", environments: ["*"] }
  })

/** Lets in as many of `n` as it takes; what the others were told. */
const fill = (quotas: Quotas, n: number, keyId: string, environment: string) => {
  const told = new Set<string>()
  let taken = 0
  for (let i = 0; i < n; i++) {
    const one = client(keyId, environment, `${keyId}-${environment}-${i}`)
    const refusal = quotas.refusal(one, undefined)
    if (refusal === undefined) {
      quotas.add(one)
      taken++
    } else told.add(`${refusal.code} ${/LIMIT_\w+/.exec(refusal.message)?.[0] ?? ""}`.trim())
  }
  return [taken, ...told]
}

describe("Quotas", () => {
  it("QT1 one staging key takes all that it may, and a client of production is let in", () => {
    const quotas = new Quotas({ maxSessions: 1_000 })

    assert.deepStrictEqual(fill(quotas, 2_000, "greedy", "staging"), [800, "HRLD-3004 LIMIT_STREAMS_PER_IDENTITY"])
    assert.deepStrictEqual(fill(quotas, 2_000, "other", "staging"), [100, "HRLD-3004 LIMIT_STREAMS_PER_ENVIRONMENT"])
    assert.deepStrictEqual(fill(quotas, 1, "legit", "production"), [1])
    assert.deepStrictEqual(fill(quotas, 2_000, "legit", "production"), [99, "HRLD-5006"])
  })

  it("QT1 what is given counts, as far as the server has places at all; the smallest server lets someone in", () => {
    const given = { maxSessionsPerIdentity: 3, maxSessionsPerEnvironment: 5 }

    assert.strictEqual(fill(new Quotas({ maxSessions: 100, ...given }), 100, "a", "e")[0], 3)
    assert.strictEqual(fill(new Quotas({ maxSessions: 2, ...given }), 100, "a", "e")[0], 2)
    assert.strictEqual(fill(new Quotas({ maxSessions: 1 }), 100, "a", "e")[0], 1)
  })

  it("QT2 at every limit a client takes its own place again; another key's client does not get by so", () => {
    const quotas = new Quotas({ maxSessions: 2, maxSessionsPerIdentity: 1, maxSessionsPerEnvironment: 2 })
    const mine = client("a", "e", "1")
    quotas.add(mine)
    quotas.add(client("b", "e", "2"))

    assert.isUndefined(quotas.refusal(mine, mine))
    assert.strictEqual(quotas.refusal(client("b", "e", "1"), mine)?.name, "TooManySubscriptions")
  })

  it("QT1 places that are left are free again", () => {
    const quotas = new Quotas({ maxSessions: 10 })
    const all = Array.from({ length: 8 }, (_, i) => client("a", "e", String(i)))
    for (const one of all) quotas.add(one)
    for (const one of all) quotas.remove(one)

    assert.deepStrictEqual(fill(quotas, 10, "a", "e"), [8, "HRLD-3004 LIMIT_STREAMS_PER_IDENTITY"])
  })
})

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { encode, resultOf } from "../../../../layers/Postgres/commits/WriterMessages.ts"
import { configurationKind } from "../../../../src/configuration/ConfigurationKind.ts"
import type { Basis } from "../../../../src/configuration/Wish.ts"
import { makeKinds } from "../../../../src/propagation/Kind.ts"
import { change, release } from "../../../support/Release.ts"
import { toy, toyKind } from "../../../support/Toy.ts"

const kinds = makeKinds(configurationKind, toyKind)
const mix = { ...release([]), changes: [change("svc", "1"), toy("svc", 2)] }

describe("what the writer says and hears", () => {
  it("W1 W5 every change is sent with its kind, and what configurations were checked against with positions as text", () => {
    const basis: Basis = {
      values: [{ environment: "production", key: "herald.variables", digest: "d" }],
      templates: [{ environment: "production", position: { epoch: "e", revision: 7n } }]
    }
    const sent = JSON.parse(`{${encode({ ...mix, basis }, "made")}`)

    assert.deepStrictEqual(
      sent.changes.map(({ kind, key }: { kind: string; key: string }) => [kind, key]),
      [
        ["configuration", "svc"],
        ["toy", "svc"]
      ]
    )
    assert.strictEqual(sent.changes[1].count, 2)
    assert.deepStrictEqual(sent.basis, {
      values: basis.values,
      templates: [{ environment: "production", epoch: "e", revision: "7" }]
    })
    assert.notProperty(JSON.parse(`{${encode(mix, "made")}`), "basis")
    assert.deepStrictEqual(JSON.parse(`{${encode({ ...mix, basis: { toy: { counts: 1 } } }, "made")}`).basis, {
      toy: { counts: 1 }
    })
  })

  it.effect(
    "W1 a configuration is made of what was asked for and its numbers, any other change is what the database says",
    () =>
      Effect.gen(function* () {
        const stated = { kind: "toy", environment: "production", key: "svc", revision: "9", count: 2 }
        const { revision, replayed } = yield* resultOf(kinds, mix, {
          ok: true,
          replayed: false,
          revision: "9",
          epoch: "e",
          committedAt: 5,
          versions: [{ version: 3, createdAt: 1 }, { change: stated }]
        })

        assert.isFalse(replayed)
        const [configuration, count] = revision.changes as ReadonlyArray<unknown>
        assert.deepInclude(configuration as object, {
          kind: "configuration",
          key: "svc",
          version: 3,
          revision: 9n,
          value: "1",
          deleted: false,
          createdAt: 1,
          updatedAt: 5
        })
        assert.notProperty(configuration, "expectedVersion")
        assert.deepStrictEqual(count, { ...stated, revision: 9n })
      })
  )

  it.effect("W3 a replayed mix is read from the log", () =>
    Effect.gen(function* () {
      const payload = [{ kind: "toy", environment: "production", key: "svc", revision: "9", count: 2 }]
      const { revision, replayed } = yield* resultOf(
        kinds,
        { ...mix, idempotency: { key: "k", digest: "d" } },
        {
          ok: true,
          replayed: true,
          row: { revision: "9", epoch: "e", payload, traceparent: "", actor: "a", message: "m", committedAt: 5 }
        }
      )

      assert.isTrue(replayed)
      assert.deepStrictEqual(revision.changes as ReadonlyArray<unknown>, [{ ...payload[0]!, revision: 9n }])
    })
  )
})

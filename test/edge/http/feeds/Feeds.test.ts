/** Changes as server-sent events. */
import { assert, describe, it } from "vitest"
import { configurationKind } from "../../../../src/configuration/ConfigurationKind.ts"
import { makeTexts, positionOf } from "../../../../src/edge/http/feeds/Wire.ts"
import { failure } from "../../../../src/errors/HeraldError.ts"
import { flagKind } from "../../../../src/flags/FeatureFlag.ts"
import { type Kind, makeKinds } from "../../../../src/propagation/Kind.ts"
import type { Change } from "../../../../src/propagation/Revision.ts"
import { configuration } from "../../../support/Configuration.ts"
import { featureFlag } from "../../../support/FeatureFlag.ts"
import { toyKind } from "../../../support/Toy.ts"
import { known } from "../../../support/Twins.ts"
import { startRoutes } from "../Harness.ts"

const { bytesOf, textOf } = makeTexts(known)
const at = { epoch: "0ab-1", revision: 7n }

describe("Feeds", () => {
  it("SX1 ids are positions, of the last change of a revision alone; what is no id is none", () => {
    const change = configuration("a", 7, { value: "line\nbreak" })
    const more = textOf({ _tag: "Change", change, at, last: false })
    const last = textOf({ _tag: "Change", change, at, last: true })

    assert.notInclude(more, "\nid:")
    assert.match(last, /^event: change\nid: 0ab-1\.7\ndata: \{.*"value":"line\\nbreak".*"epoch":"0ab-1"\}\n\n$/)
    assert.strictEqual(textOf({ _tag: "Alive", at }), ": alive\nid: 0ab-1.7\n\n")
    assert.include(textOf({ _tag: "Reset", at, reason: "horizon" }), '"reason":"horizon"')
    assert.match(textOf({ _tag: "Ended", error: failure("KeyRevoked", "x") }), /^event: end\ndata: .*HRLD-/)
    assert.deepStrictEqual(positionOf("0ab-1.7"), at)
    for (const id of ["", "7", "a.b", "a b.7", `a.${"9".repeat(30)}`]) assert.strictEqual(positionOf(id), "none")
  })

  it("VJ1 SX3 a value of type json is JSON in a change, a text with as=text; its lines are lines of the data", () => {
    const value = '{"n": 127525757991925097,\r\n "a":\r[ 1,\n\n2 ]}'
    const change = configuration("a", 7, { value, valueType: "json" })
    const told = { _tag: "Change", change, at, last: true } as const
    /** As who follows puts an event together. */
    const dataOf = (event: string) =>
      event
        .split(/\r\n|\r|\n/)
        .filter((line) => line.startsWith("data: "))
        .map((line) => line.slice(6))
        .join("\n")
    const shown = textOf(told)

    assert.include(dataOf(shown), `"value":${value.replace(/\r\n?/g, "\n")},"type"`)
    assert.deepStrictEqual(JSON.parse(dataOf(shown)).value.a, [1, 2])
    assert.match(shown, /^(?:(?:event|id|data): .*\n)+\n$/)
    assert.strictEqual(JSON.parse(dataOf(textOf(told, "text"))).value, value)
    for (const as of [undefined, "text"] as const) {
      assert.strictEqual(new TextDecoder().decode(bytesOf([told], as)), textOf(told, as))
      assert.strictEqual(bytesOf([told], as), bytesOf([told], as)) // SX2
    }
    assert.strictEqual(JSON.parse(dataOf(textOf(told))).epoch, "0ab-1")
  })

  it("KI4 VJ1 a change of every kind is told alike, and a value of type json is JSON in it", () => {
    const flag = featureFlag("new.checkout", 7)
    /** As a node with this kind, too, tells of changes. */
    const written = (...kinds: ReadonlyArray<typeof toyKind>) => {
      const { textOf } = makeTexts(makeKinds(configurationKind, flagKind, ...(kinds as ReadonlyArray<Kind>)))
      const data = (change: Change, as?: "text") =>
        JSON.parse(/\ndata: (.*)\n/.exec(textOf({ _tag: "Change", change, at, last: true }, as))![1]!)
      return { data }
    }
    const { data } = written()
    assert.deepStrictEqual(data(flag), {
      kind: "flag",
      environment: "production",
      key: "new.checkout",
      version: 7,
      revision: 7,
      value: JSON.parse(flag.definition),
      type: "json",
      deleted: false,
      digest: flag.digest,
      epoch: "0ab-1"
    })
    assert.strictEqual(data(flag, "text").value, flag.definition)
    assert.deepInclude(data(featureFlag("old", 7, { deleted: true })), { value: null, deleted: true })
    const { data: silent } = written({
      ...toyKind,
      told: (toy) => ({ ...toyKind.told(toy), value: null, valueType: "json" })
    })
    assert.deepInclude(silent({ kind: "toy", environment: "e", key: "k", revision: 7n, count: 1 } as Change), {
      value: null
    })
    assert.deepStrictEqual(data({ kind: "later", environment: "e", key: "k" }), {
      kind: "later",
      environment: "e",
      key: "k",
      epoch: "0ab-1"
    })
  })

  it("SX2 a change is written once, however many follow it", () => {
    let reads = 0
    const change = {
      kind: "x",
      environment: "e",
      get key() {
        reads++
        return "k"
      }
    }
    for (let n = 0; n < 3; n++) textOf({ _tag: "Change", change, at, last: true })
    assert.strictEqual(reads, 1)
  })

  it("SX2 its bytes are one copy for all, and what comes together is told together", () => {
    const told = () => ({ _tag: "Change", change, at, last: true }) as const
    const change = configuration("a", 7, { value: "v" })
    const alive = { _tag: "Alive", at } as const
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

    assert.strictEqual(bytesOf([told()]), bytesOf([told()]))
    assert.strictEqual(text(bytesOf([told()])), textOf(told()))
    assert.strictEqual(text(bytesOf([told(), alive])), textOf(told()) + textOf(alive))
    assert.strictEqual(text(bytesOf([{ ...told(), last: false }])), textOf({ ...told(), last: false }))
  })

  it("a feed wants a token, the right to read and good patterns; only here a cookie is one", async () => {
    const door = await startRoutes()
    const path = "/v1/events?environment=production"
    const cookie = `herald-token=${door.tokens.get("viewer")}`
    const head = (as: string, more: Record<string, string> = {}) => door.call("HEAD", path, { as, headers: more })
    const statuses = [
      (await head("viewer")).status,
      (await head("nobody")).status,
      (await head("publisher@staging")).status,
      (await head("nobody", { cookie })).status,
      (await door.call("GET", "/v1/config?environment=production", { as: "nobody", headers: { cookie } })).status,
      (await door.call("GET", `${path}&pattern=a*`)).status
    ]
    const { headers } = await head("viewer")
    await door.dispose()

    assert.deepStrictEqual(statuses, [200, 401, 403, 200, 401, 400])
    assert.strictEqual(headers.get("content-type"), "text/event-stream")
  })
})

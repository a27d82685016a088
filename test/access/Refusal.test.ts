import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { rules } from "../../src/access/Decision.ts"
import { type Identity, kinds, permissions, roles } from "../../src/access/Identity.ts"
import { explained, forbidden, refusalAnywhere, refusalOf } from "../../src/access/Refusal.ts"
import { failure } from "../../src/errors/HeraldError.ts"

const root = new URL("../../", import.meta.url)
const sources = ["src", "layers"].flatMap((folder) =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`)
)

describe("a refusal", () => {
  it("DN4 is made in one place: nothing else makes one, be it by another way around the types", () => {
    const made = /(failure|known)\(\s*["'`]Forbidden|new HeraldError\(\{\s*name:\s*["'`]Forbidden/
    const makers = sources.filter((path) => made.test(readFileSync(new URL(path, root), "utf8")))
    // The command line's words for what it is not shown by a server: it refuses nobody.
    assert.deepStrictEqual(makers.sort(), [
      "src/access/Refusal.ts",
      "src/cli/verbs/code/Apply.ts",
      "src/cli/verbs/code/Rights.ts"
    ])
    // @ts-expect-error a refusal without a rule
    failure("Forbidden", "no")
  })

  it("DN4 says its rule wherever a door does not know yet of what", () => {
    const narrow: ReadonlyArray<Partial<Identity>> = [
      {},
      { environments: [] },
      { keys: [] },
      { kinds: [] },
      { topics: [] },
      { environments: [], topics: ["a"] },
      { until: 1 }
    ]
    for (const role of roles)
      for (const permission of permissions)
        for (const rights of narrow) {
          const identity: Identity = { name: "ann", keyId: "k", role, environments: ["production"], ...rights }
          const refused = refusalAnywhere(identity, permission, 2)
          if (refused === undefined) continue
          const rule = refused.details?.["rule"]
          assert.include(rules, rule, `${role} ${permission} ${JSON.stringify(rights)}`)
          assert.strictEqual(refused.name, rule === "expired" ? "Unauthenticated" : "Forbidden")
          assert.notStrictEqual(refused.details?.["environment"], "*", "it needs some, not all")
        }
    assert.isUndefined(
      refusalAnywhere({ name: "a", keyId: "k", role: "viewer", environments: ["x"] }, "config.read", 2)
    )
    assert.isDefined(refusalAnywhere({ name: "a", keyId: "k", role: "viewer", environments: [] }, "config.read", 2))
  })

  it("DN4 keeps its rule and what it is about where more is said of it", () => {
    const ann: Identity = { name: "ann", keyId: "k", role: "publisher", environments: ["x"], kinds: [kinds[0]] }
    const refused = refusalOf(ann, { permission: "config.write", environment: "x" }, 2)!
    const told = explained("it is for all keys", refused)
    assert.deepStrictEqual([told.name, told.details], [refused.name, refused.details])
    assert.strictEqual(told.message, `it is for all keys: ${refused.message}`)
    assert.deepStrictEqual(forbidden("route", "no", { rule: "mine", more: 1 }).details, { rule: "route", more: 1 })
  })
})

import { assert, describe, it } from "@effect/vitest"
import { contentChange } from "../../src/cli/DiffView.ts"
import { plain } from "../../src/cli/Paint.ts"
import { whole } from "../../src/cli/verbs/approvals/Told.ts"
import type { WholeChange } from "../../src/edge/http/approvals/Wire.ts"

const change = (before: string | null, after: string, valueType = "string"): WholeChange =>
  ({
    ...{ id: "c7", environment: "production", action: "publish", author: "ann", state: "open", message: "why" },
    ...{ rights: [], digest: "d".repeat(64), bytes: 1, needed: 1, approvals: [], touches: [], revision: 7, version: 1 },
    ...{ madeAt: 1, madeTime: "", expiresAt: null, expiresTime: null, endedAt: null, endedTime: null, endedBy: null },
    ...{ reason: "", appliedRevision: null, standsOn: [], basis: null, epoch: "e", lists: [] },
    changes: [
      {
        ...{ kind: "configuration", key: "motd", before, after },
        settings: [
          {
            name: "valueType",
            before: before === null ? null : JSON.stringify(valueType),
            after: JSON.stringify(valueType)
          }
        ]
      }
    ]
  }) as unknown as WholeChange
const shown = (...of: Parameters<typeof change>) => whole(change(...of), plain)

describe("what an approver is shown", () => {
  it("AQ23 white space that a text begins with, ends with, or has more of", async () => {
    assert.include(await shown("yes", "yes "), "-yes\n+yes\\u0020")
    assert.include(await shown("yes", "yes\t"), "+yes\\u0009")
    assert.include(await shown("a b", "a\u00a0b"), "-a b\n+a\\u00a0b")
    const last = await shown("yes", "yes\n")
    assert.notInclude(last, "the same content")
    assert.include(last, "No newline at end")
    assert.include(await shown(null, "yes  "), "+yes\\u0020\\u0020")
  })

  it("AQ23 a text that is JSON by chance, as it stands", async () => {
    const told = await shown('{"a":1,"b":2}', '{"a": 1,"b":2}')
    assert.include(told, '-{"a":1,"b":2}\n+{"a": 1,"b":2}')
    const both = await shown('{"a":1,"b":2}', '{"a":1,"b": 3}')
    assert.include(both, '+{"a":1,"b": 3}')
  })

  it("AQ23 JSON that differs in white space only", async () => {
    const told = await shown('{"a":1}', '{"a": 1}', "json")
    assert.include(told, 'differs in white space only:\n-{"a":1}\n+{"a": 1}')
    assert.include(await contentChange("{}", "{ }", plain), "white space only")
    assert.include(await contentChange("{}", "{}", plain), "the same content")
  })

  it("AQ23 letters that nobody sees, or that turn what is beside them", async () => {
    for (const one of [
      "\u200d",
      "\u200b",
      "\u202e",
      "\u3164",
      "\u115f",
      "\u034f",
      "\ufe0f",
      "\u2800",
      "\u00ad",
      "\ufff0"
    ]) {
      const escape = `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`
      assert.include(await shown("admin", `ad${one}min`), `+ad${escape}min`)
    }
  })
})

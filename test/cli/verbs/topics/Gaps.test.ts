import { assert, describe, it } from "@effect/vitest"
import { gapText } from "../../../../src/cli/verbs/topics/Gaps.ts"

describe("what the command line says of gaps", () => {
  it("MI1 offsets of two histories are not told as a range, those of one are", () => {
    assert.strictEqual(
      gapText({ partition: 0 }, 42, 0, "epoch"),
      "partition 0: events may be missing: the topic's history was lost, as when a backup is restored"
    )
    assert.include(gapText({ partition: 0 }, 2, 9n, "retention"), "partition 0: no events from 2 to 9: ")
  })
})

/** Streams of `PublishMany` that have to end while something in them waits. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Latch } from "effect"
import {
  PublishManyRequest,
  type PublishManyResponse
} from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { Access } from "../../../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { Commits } from "../../../../src/commits/Commits.ts"
import { WINDOW } from "../../../../src/edge/grpc/publishing/Answers.ts"
import { openBoth } from "../../../support/BothDoors.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

describe("PublishMany", () => {
  it("PM5 what waited for room when its API key ended is not begun, and what has no answer may be committed", async () => {
    const doors = await openBoth()
    await doors.mint("machine", "publisher", ["*"])
    const commits = await doors.runtime.runPromise(Commits)
    const { commit } = commits
    const first = Latch.makeUnsafe(false)
    const begun: Array<string> = []
    vi.spyOn(commits, "commit").mockImplementation(((release: Parameters<typeof commit>[0]) => {
      const { key } = release.changes[0]!
      begun.push(key)
      return key === "first" ? Effect.andThen(first.await, commit(release)) : commit(release)
    }) as never)

    const state = { answers: 0, details: undefined as string | undefined }
    const stream = doors.client().publishMany(doors.metadataOf("machine"))
    stream.on("data", ({ results }: PublishManyResponse) => {
      state.answers += results.length
    })
    stream.on("error", () => {})
    stream.on("status", ({ details }) => {
      state.details = details
    })
    const keys = ["first", ...Array.from({ length: WINDOW - 1 }, (_, n) => `k.${n}`), "late"]
    stream.write(PublishManyRequest.fromPartial({ items: keys.map((key) => ({ key, value: "1", type: "json" })) }))
    await waitUntil("a full window", () => begun.length === WINDOW)
    await doors.runtime.runPromise(
      Effect.flatMap(Access, (access) => access.revokeKey(doors.ids.get("machine")!)).pipe(
        Effect.provideService(CurrentIdentity, system)
      )
    )
    await waitUntil("the end of the stream", () => state.details !== undefined)
    first.openUnsafe()
    const { status: late } = await doors.call("GET", "/v1/config/late?environment=production")
    await doors.close()

    assert.match(state.details!, /^HRLD-4006 the API key machine is no longer valid, and the first item without/)
    assert.deepStrictEqual([state.answers, begun.length, late], [0, WINDOW, 404])
  })
})

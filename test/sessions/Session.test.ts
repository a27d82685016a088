import { assert, describe, it } from "@effect/vitest"
import { Session } from "../../src/sessions/Session.ts"
import type { Mark } from "../../src/updates/Update.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { subscription } from "../support/Subscription.ts"

const make = () =>
  new Session({
    ref: "r/1",
    subscription: subscription(),
    sink: new FakeSink(),
    connectedAt: 0,
    now: 0n
  })
const mark = (revision: bigint, epoch = "e"): Mark => ({
  kind: "value",
  key: "svc",
  version: Number(revision),
  revision,
  epoch,
  digest: String(revision),
  traceparent: "",
  committedAt: 0,
  stale: false
})
const answer = (revision: bigint, applied: boolean, epoch = "e") => ({
  key: "svc",
  revision,
  epoch,
  applied,
  reason: ""
})
/** The version that an answer counted for. */
const counts = (session: Session, ...said: Parameters<typeof answer>) => session.answered(answer(...said))?.version

describe("Session", () => {
  it("SG1 whoever asks how it ends is told once, before or after", () => {
    const session = make()
    const told: Array<string> = []
    session.whenEnded(({ name }) => told.push(`before ${name}`))
    session.end({ name: "KeyRevoked", reason: "" })
    session.end({ name: "Closed", reason: "" })
    session.whenEnded(({ name }) => told.push(`leaving ${name}`))
    session.close({ name: "Closed", reason: "" })
    session.whenEnded(({ name }) => told.push(`over ${name}`))

    assert.deepStrictEqual(told, ["before KeyRevoked", "leaving KeyRevoked", "over KeyRevoked"])
  })

  it("S7 what was applied closes all that was sent before it: an answer to that comes too late", () => {
    const session = make()
    for (const revision of [1n, 2n, 3n]) session.sent(mark(revision))

    assert.strictEqual(counts(session, 2n, true), 2)
    assert.isUndefined(counts(session, 1n, true))
    assert.isUndefined(counts(session, 1n, false))
    assert.deepStrictEqual([session.behind, session.caughtUp], [1, 0])
    assert.strictEqual(counts(session, 3n, true), 3)
    assert.deepStrictEqual([session.behind, session.caughtUp], [0, 1])
  })

  it("S7 a rejection is of one version: others that were sent still count, and the newest stays unapplied", () => {
    const session = make()
    for (const revision of [1n, 2n]) session.sent(mark(revision))

    assert.strictEqual(counts(session, 1n, false), 1)
    assert.isUndefined(counts(session, 1n, false))
    assert.strictEqual(counts(session, 2n, false), 2)
    assert.deepStrictEqual([session.behind, session.caughtUp], [1, 0])
    assert.strictEqual(counts(session, 2n, true), 2) // it was mended
    assert.deepStrictEqual([session.behind, session.caughtUp], [0, 1])
    assert.strictEqual(counts(session, 2n, false), 2) // and failed later
    assert.strictEqual(session.behind, 1)
  })

  it("S7 without an epoch only the newest is answered; with one, exactly the version that it names", () => {
    const session = make()
    for (const one of [mark(1n), mark(2n), mark(1n, "other")]) session.sent(one)

    assert.isUndefined(counts(session, 2n, true, ""))
    assert.isUndefined(counts(session, 1n, true, "third"))
    assert.strictEqual(session.answered(answer(1n, true))?.epoch, "e")
    assert.strictEqual(session.answered(answer(1n, true, ""))?.epoch, "other")
    assert.strictEqual(session.behind, 0)
  })

  it("S7 of what is unanswered the newest four are remembered", () => {
    const session = make()
    for (const revision of [1n, 2n, 3n, 4n, 5n]) session.sent(mark(revision))

    assert.isUndefined(counts(session, 1n, true))
    assert.strictEqual(counts(session, 2n, true), 2)
  })
})

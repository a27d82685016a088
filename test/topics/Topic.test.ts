import { assert, describe, it } from "@effect/vitest"
import { comparable, isAfter, type MessageId, messageIdOf, messageIdText } from "../../src/topics/MessageId.ts"
import { retentionOf, retentionText } from "../../src/topics/RetentionText.ts"
import { type Definition, isTopicName, TOPIC_LENGTH, wrongDefinition, wrongTopicName } from "../../src/topics/Topic.ts"

const definition: Definition = {
  name: "orders",
  partitions: 1,
  retention: { millis: 7 * 86_400_000, bytes: null },
  log: "postgres",
  compression: "zstd",
  schema: null,
  enabled: true,
  description: ""
}

describe("topics", () => {
  it("TT1 a name is taken or told what it must be", () => {
    for (const name of ["a", "_", "0", "orders.EU-west_1", "a/b/c", "a..b/c-", "t".repeat(TOPIC_LENGTH)])
      assert.isTrue(isTopicName(name), name)
    const wrong = [
      "",
      "/",
      "/a",
      "a/",
      "a//b",
      ".",
      "..",
      "a/..",
      "../a",
      "a/./b",
      "a:b",
      "a b",
      "a\n",
      "é",
      "a*",
      "a\u0000"
    ]
    for (const name of [...wrong, "t".repeat(TOPIC_LENGTH + 1)]) {
      assert.isFalse(isTopicName(name), name)
      assert.match(wrongTopicName(name)!, /^is not the name of a topic: 1 to 200 letters/)
    }
  })

  it("TT2 events are kept with a bound, and never without", () => {
    const told = (retention: Definition["retention"]) => wrongDefinition({ ...definition, retention })
    assert.isUndefined(told({ millis: 60_000, bytes: null }))
    assert.isUndefined(told({ millis: null, bytes: 1_048_576 }))
    for (const [millis, bytes] of [
      [null, null],
      [0, null],
      [Number.NaN, null],
      [401 * 86_400_000, null],
      [86_400_000, 1_000],
      [86_400_000, 2 ** 51]
    ] as const)
      assert.match(told({ millis, bytes })!, /^retention: /)
  })

  it("TT3 partitions are 1 to 256, and what is wrong is named", () => {
    for (const partitions of [0, -1, 1.5, 257, Number.NaN, Number.POSITIVE_INFINITY])
      assert.match(wrongDefinition({ ...definition, partitions })!, /^partitions: /)
    assert.match(wrongDefinition({ ...definition, log: "tape" as never })!, /^log: /)
    assert.match(wrongDefinition({ ...definition, compression: "lz4" as never })!, /^compression: /)
    assert.match(wrongDefinition({ ...definition, schema: "\ud800" })!, /^schema: /)
    assert.match(wrongDefinition({ ...definition, description: "a\u0007" })!, /^description: /)
    assert.match(wrongDefinition({ ...definition, name: "../etc" })!, /^name: /)
  })

  it("TT2 retention is read as people write it, and written the same", () => {
    for (const text of ["7d", "10GiB", "7d,10GiB", "90m", "1h,512MiB", "400d"]) {
      const retention = retentionOf(text)
      if (typeof retention === "string") assert.fail(retention)
      assert.strictEqual(retentionText(retention), text)
    }
    assert.deepStrictEqual(retentionOf(" 1d , 1MiB "), { millis: 86_400_000, bytes: 1_048_576 })
    for (const text of ["", "7", "d", "7d,7d", "7d,", "1GB", "1GiB,1GiB", "-1d", "1e3d", "7d".repeat(1_000)])
      assert.match(retentionOf(text) as string, /is no retention/)
  })

  it("MI1 places are compared in one partition and one epoch only", () => {
    const id: MessageId = { topic: "a", partition: 0, epoch: 7, offset: 1 }
    assert.isTrue(isAfter({ ...id, offset: 2 }, id))
    assert.isFalse(isAfter({ ...id, epoch: 8, offset: 2 }, id))
    assert.isTrue(comparable(id, { ...id, offset: 9 }))
    for (const other of [{ topic: "b" }, { partition: 1 }, { epoch: 8 }])
      assert.isFalse(comparable(id, { ...id, ...other }))
  })

  it("MI2 the text of an id is read back, and nothing else is", () => {
    for (const id of [
      { topic: "orders/eu", partition: 0, epoch: 1, offset: 0 },
      { topic: "a", partition: 255, epoch: 2 ** 32 - 1, offset: Number.MAX_SAFE_INTEGER }
    ])
      assert.deepStrictEqual(messageIdOf(messageIdText(id)), id)
    const wrong = [
      "",
      "a",
      "a:0:1",
      "a:0:1:2:3",
      "a:00:1:2",
      "a:0:0:1",
      "a:0:01:2",
      "a:0:1:02",
      "a:256:1:0",
      "a:0:4294967296:0"
    ]
    for (const text of [
      ...wrong,
      "a:-1:1:0",
      "a:0:1:-1",
      "a:0:1:1.5",
      "a:0:1:9007199254740992",
      " a:0:1:2",
      "a:0:1:2\n",
      "../a:0:1:2"
    ])
      assert.isUndefined(messageIdOf(text), text)
  })
})

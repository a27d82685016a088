import { assert, it } from "@effect/vitest"
import { BATCH_EVENTS } from "../../../../src/topics/Limits.ts"
import { FakeHerald, problem } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"

const placed = (offset: number, count: number) => ({
  body: {
    placed: [{ id: `logs:0:1:${offset}`, partition: 0, epoch: 1, offset, count, duplicate: false }],
    failed: []
  }
})
const total = 2 * BATCH_EVENTS + 1
const lines = Array.from({ length: total }, (_, at) => `${at}`).join("\n")
const run = async (herald: FakeHerald) => {
  const cli = terminal({ terminal: true, stdin: lines })
  return { cli, exit: await cli.run("topic", "publish", "logs", "--lines", "-", "--server", herald.url) }
}

it("XV1 of many events it is seen how many are published, and said how many were when it fails", async () => {
  await using herald = await FakeHerald.start()
  const first = [placed(0, BATCH_EVENTS), placed(BATCH_EVENTS, BATCH_EVENTS)]
  herald.on("POST /v1/topics/logs/events", ...first, placed(2 * BATCH_EVENTS, 1))
  const whole = await run(herald)
  assert.strictEqual(whole.exit, 0, whole.cli.said)
  assert.include(whole.cli.lives, `${BATCH_EVENTS} of ${total} events published`)
  assert.strictEqual(whole.cli.lives.at(-1), "")
  assert.include(whole.cli.printed, `${total} events`)

  herald.on("POST /v1/topics/logs/events", ...first, problem("TopicDisabled", "logs is off"))
  const cut = await run(herald)
  assert.notStrictEqual(cut.exit, 0)
  assert.include(cut.cli.said, `The first ${2 * BATCH_EVENTS} of ${total} events are published`)
})

const sent = async (stdin: string, ...args: ReadonlyArray<string>) => {
  await using herald = await FakeHerald.start()
  herald.on("POST /v1/topics/logs/events", placed(0, 1))
  const cli = terminal({ terminal: true, stdin })
  return { said: cli, exit: await cli.run("topic", "publish", "logs", ...args, "--server", herald.url), herald }
}

it("XV2 what begins like JSON and is none is published, and said to be so", async () => {
  const cut = await sent("", '{"total":99.9')
  assert.strictEqual(cut.exit, 0, cut.said.said)
  assert.include(cut.said.said, "begins like JSON and is none")
  assert.deepStrictEqual(cut.herald.last.body, { events: [{ value: '{"total":99.9' }] })
  const some = await sent('{"a":1}\n[1,\ntext\n', "--lines", "-")
  assert.include(some.said.said, "1 of 3 lines begin like JSON and are none")
  for (const fine of ['{"total":99.9}', "[1]", "text", "99.9", '"'])
    assert.notInclude((await sent("", fine)).said.said, "begins like JSON")
})

it("XV1 a header without a name is said to be that, and how it is written", async () => {
  const { said, exit, herald } = await sent("", "x", "--header", "novalue")
  assert.strictEqual(exit, 2)
  assert.include(said.said, "give it as --header name=value")
  assert.notInclude(said.said, "Expected")
  assert.lengthOf(herald.requests, 0)
})

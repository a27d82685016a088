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

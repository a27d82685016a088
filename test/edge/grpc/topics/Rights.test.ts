/** Each method of the gRPC door that has to do with topics × API keys that may use one topic and not another. */
import { assert, describe, it } from "@effect/vitest"
import { Client, credentials, status } from "@grpc/grpc-js"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { CurrentIdentity, system } from "../../../../src/access/Identity.ts"
import { catalogue } from "../../../../src/errors/Catalogue.ts"
import { Subscriptions } from "../../../../src/subscriptions/Subscriptions.ts"
import { Publishing } from "../../../../src/topics/Publishing.ts"
import { Topics } from "../../../../src/topics/Topics.ts"
import { Door, metadataOf } from "../../../support/Door.ts"
import { asked, methods } from "../../../support/TopicCalls.ts"

/** Below it market data is made of topics, and the key's own are. */
const [OWN, FOREIGN] = ["market-data/normalized/own", "market-data/normalized/foreign"]
const options = { message: "", idempotencyKey: undefined }
let door: Door
let client: Client
beforeAll(async () => {
  door = await Door.open()
  client = new Client(door.address, credentials.createInsecure())
  const make = Effect.gen(function* () {
    for (const topic of [OWN, FOREIGN]) {
      yield* (yield* Topics).create({ name: topic }, options)
      const draft = { topicName: topic, subscriptionName: "s", type: "shared", start: { at: "earliest" } } as const
      yield* (yield* Subscriptions).create({ ...draft, deadLetterTopic: "" }, options)
      yield* (yield* Publishing).publish({
        topic,
        events: [{ key: null, payload: Buffer.from("{}"), eventTime: null, headers: new Map() }]
      })
    }
  })
  await door.run(Effect.provideService(make, CurrentIdentity, system))
})
afterAll(async () => {
  client.close()
  await door.close()
})

interface Answer {
  /** The code of an error of Herald, in an answer or as the call's end. */
  readonly code: string | undefined
  readonly data: object | undefined
}

/** The first that is answered, or how it ended. */
const call = (name: string, topic: string, token: string): Promise<Answer> =>
  new Promise((resolve) => {
    const method = methods.get(name)!
    const stream = client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadataOf(`Bearer ${token}`)
    )
    const answered = (answer: Answer) => {
      resolve(answer)
      stream.cancel()
    }
    stream.on("data", (data: { readonly outcome?: { readonly value: { readonly code?: string } } }) =>
      answered({ code: data.outcome?.value.code, data })
    )
    stream.on("error", () => {})
    stream.on("status", ({ code, metadata }) => {
      const said = metadata.get("herald-code")[0]
      answered({ code: code === status.OK ? undefined : String(said ?? code), data: undefined })
    })
    stream.write(asked[name]!.request(topic))
    if (!method.requestStream) stream.end()
  })

const FORBIDDEN = catalogue.Forbidden.code

describe("API keys with topics of their own, at the gRPC door", () => {
  it("KX1 every method is asked", () => {
    assert.sameMembers(Object.keys(asked), [...methods.keys()])
  })

  for (const environments of [["*"], ["production"]])
    it(`KX1 with what one has everything goes, and with another's nothing (environments ${environments})`, async () => {
      const its = { topics: [`${OWN}/*`, OWN] }
      const token = await door.key("publisher", environments, `publisher-${environments[0]}`.replace("*", "all"), its)
      const manager = await door.key("admin", environments, `manager-${environments[0]}`.replace("*", "all"), its)
      const wrong: Array<string> = []
      for (const [name, { manages }] of Object.entries(asked)) {
        const as = manages === true ? manager : token
        const own = await call(name, OWN, as)
        if (own.code !== undefined && name !== "streamHistoricalData") wrong.push(`${name} own: ${own.code}`)
        const foreign = await call(name, FOREIGN, as)
        if (name === "listTopics" || name === "streamHistoricalData") continue
        if (foreign.code !== FORBIDDEN) wrong.push(`${name} foreign: ${foreign.code}`)
      }
      assert.deepStrictEqual(wrong, [])
    })

  it("KX1 YT1 lists and market data have what the key may use, and nothing else", async () => {
    const token = await door.key("viewer", ["staging"], "viewer", { topics: [OWN] })
    const { data } = await call("listTopics", "", token)
    const topics = (data as { readonly topics: ReadonlyArray<{ readonly name: string }> }).topics
    assert.deepStrictEqual(
      topics.map(({ name }) => name),
      [OWN]
    )
    const none = await door.key("viewer", ["staging"], "nobody", { topics: [] })
    for (const name of Object.keys(asked)) assert.strictEqual((await call(name, OWN, none)).code, FORBIDDEN, name)
  })
})

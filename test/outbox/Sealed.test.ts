import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { sealBy } from "../../layers/Crypto/seals/Seals.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { type Arrived, read } from "../../src/consumers/Received.ts"
import { clientEvent, eventsOf, type LogEvent } from "../../src/outbox/Event.ts"
import { makeGenuine, SEAL_HEADER, sealed } from "../../src/outbox/Sealed.ts"
import { change, release } from "../support/Release.ts"
import { layerTestSeal, testSeal } from "../support/Seal.ts"
import { kinds, known } from "../support/Twins.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const arrived = ({ body, headers }: Pick<LogEvent, "body" | "headers">): Arrived =>
  Result.getOrThrow(read({ partition: 0, offset: "0", at: 0, key: null, body: bytes(body), headers }))

const client = clientEvent("n1/run/1", "n1", {
  type: "client_connect",
  environment: "production",
  service: "svc",
  instance: "i",
  reason: "",
  at: 5
})
const genuine = (event: Pick<LogEvent, "body" | "headers">) =>
  Effect.flatMap(makeGenuine, (check) => check(arrived(event)))

describe("whose an event is", () => {
  const world = Layer.merge(layerTestSeal, kinds).pipe(Layer.provideMerge(Memory.layerOn(new State())))

  it.effect("EV7 EV8 a sealed event is genuine; with another id, body or key of the seal it is not", () =>
    Effect.gen(function* () {
      const mine = sealed(testSeal)(client)
      const header = (name: string, value: string) => ({ ...mine, headers: { ...mine.headers, [name]: value } })
      const strange = { id: "1", key: new Uint8Array(32).fill(9) }
      const text = `${client.id}\n${client.body}`
      assert.deepInclude(mine, { id: client.id, body: client.body })
      assert.isTrue(yield* genuine(mine))
      assert.isTrue(yield* genuine(header("traceparent", "x")))
      for (const forged of [
        client,
        header("ce_id", "n1/run/2"),
        { ...mine, body: mine.body.replace('"i"', '"j"') },
        { ...mine, body: `${mine.body} ` },
        header(SEAL_HEADER, ""),
        header(SEAL_HEADER, sealBy(strange, "event", text)),
        header(SEAL_HEADER, testSeal.seal("lane", text))
      ])
        assert.isFalse(yield* genuine(forged), JSON.stringify(forged))
    }).pipe(Effect.provide(world))
  )

  it.effect("EV8 what another version published without a seal counts if the log says the same, letter by letter", () =>
    Effect.gen(function* () {
      const commits = yield* Commits
      yield* commits.commit(release([change("before", "1")]))
      const { revision } = yield* commits.commit(release([change("svc", "1"), change("other", "2")]))
      for (const event of eventsOf(known, revision)) assert.isTrue(yield* genuine(event))
      const [event] = eventsOf(known, revision) as [LogEvent, LogEvent]
      const said = JSON.parse(event.body)
      const claim = (changed: object, id = event.id) => ({
        body: JSON.stringify({ ...said, ...changed }),
        headers: { ...event.headers, ce_id: id }
      })
      assert.isTrue(yield* genuine(claim({})))
      for (const forged of [
        claim({ version: 2 }),
        claim({ digest: "f".repeat(64) }),
        claim({ actor: "somebody" }),
        claim({ key: "third", service_name: "third" }),
        claim({ revision: "1" }),
        claim({ revision: "0" }),
        claim({ revision: "3" }),
        claim({ revision: "9999999999999999999" }),
        claim({ epoch: "lost" }),
        claim({}, "an-id-of-its-own")
      ])
        assert.isFalse(yield* genuine(forged), forged.body)
    }).pipe(Effect.provide(world))
  )
})

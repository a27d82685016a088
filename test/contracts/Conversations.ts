/** What a node and a client say to each other. Whatever stands for a node in a test of the client says the same. */
import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { AckOutcome, SubscribeRequest, UpdateKind } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { hello as chunked } from "../../src/client/Held.ts"
import { HeraldClient, StaleError } from "../../src/client/HeraldClient.ts"
import { hexBytes } from "../../src/client/Platform.ts"
import { applyPatch } from "../../src/delta/JsonPatch.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { type Node, talking } from "./Talk.ts"

export const conversations = (name: string, start: () => Promise<Node>): void => {
  const open = talking(start)
  const held = (key: string, content: string, revision = 1n) => ({
    key,
    revision,
    digest: digestOf(content),
    sha256: Buffer.alloc(0)
  })
  const compact = (key: string, content: string, revision = 1n) => ({
    key,
    revision,
    digest: "",
    sha256: hexBytes(digestOf(content))
  })

  describe(`a conversation with ${name}`, () => {
    it("begins with what differs and a sync that has the position; nothing else comes", async () => {
      const { node, talk } = await open()
      await node.publish("svc", '{"a":1}')
      const newest = await node.publish("svc.b", "2")
      await node.publish("other", "3")
      const client = talk()
      const sync = await client.synced()

      assert.sameDeepMembers(
        [...client.values],
        [
          ["svc", '{"a":1}'],
          ["svc.b", "2"]
        ]
      )
      assert.isTrue(sync.revision >= newest)
      assert.deepStrictEqual([sync.stale, sync.epoch], [false, client.last("svc")?.epoch])
      const { digest, revision, version, format, stale, strict } = client.last("svc.b")!
      assert.deepStrictEqual(
        [digest, revision, version, format, stale, strict],
        [digestOf("2"), newest, 1n, "json", false, false]
      )
    })

    it("is decided by what the client holds: equal is not sent, different is, deleted is told; in hex or in bytes", async () => {
      for (const as of [held, compact]) {
        const { node, talk } = await open()
        await node.publish("svc.same", "1")
        await node.publish("svc.other", "2")
        await node.publish("svc.gone", "3")
        await node.publish("svc.gone", undefined)
        const client = talk({ held: [as("svc.same", "1"), as("svc.other", "old"), as("svc.gone", "3")] })
        await client.synced()

        assert.sameDeepMembers(
          [...client.values],
          [
            ["svc.other", "2"],
            ["svc.gone", null]
          ]
        )
      }
    })

    it("what is held and not known, as after a lost history, is told as deleted", async () => {
      const { node, talk } = await open()
      await node.publish("svc", "1")
      const client = talk({
        held: [held("svc", "1"), held("svc.unknown", "2")],
        position: { epoch: "lost", revision: 9n }
      })
      await client.synced()

      assert.deepStrictEqual(client.values, [["svc.unknown", null]])
    })

    it("a position speaks for deletions only: what is not held is sent, however far the position is", async () => {
      const { node, talk } = await open()
      await node.publish("svc.never", "1")
      await node.publish("svc.gone", "2")
      await node.publish("svc.gone", undefined)
      const newest = await node.publish("svc.held", "3")
      const { epoch } = await talk({ instanceId: "first" }).synced()
      const client = talk({ position: { epoch, revision: newest }, held: [held("svc.held", "3", newest)] })
      await client.synced()

      assert.deepStrictEqual(client.values, [["svc.never", "1"]])
    })

    it("a hello in several messages begins when the last is there, and counts all of them", async () => {
      const { node, talk } = await open()
      const keys = Array.from({ length: 12 }, (_, n) => `svc.k${n}`)
      for (const key of keys) await node.publish(key, `"${key}"`)
      const all = keys.map((key) => compact(key, key === "svc.k7" ? "other" : `"${key}"`))
      const client = talk({ held: all.slice(0, 4), heldMore: true })
      client.say({ held: all.slice(4, 9), heldMore: true })
      const beside = talk({ instanceId: "beside" })
      await beside.synced()
      assert.deepStrictEqual(client.got, [])
      client.say({ held: all.slice(9) })
      await client.synced()

      assert.deepStrictEqual(client.values, [["svc.k7", '"svc.k7"']])
    })

    it("a hello of 30,000 keys is taken as the SDK sends it", async () => {
      const { node, talk } = await open()
      await node.publish("svc.k29999", "1")
      const many = Array.from({ length: 30_000 }, (_, n) => ({
        key: `svc.k${n}`,
        digest: digestOf(n === 29_999 ? "1" : "x"),
        revision: 1n
      }))
      const first = SubscribeRequest.fromPartial({ serviceName: "svc", instanceId: "i1", control: true })
      const [head, ...rest] = [...chunked(first, 1_000, many, () => SubscribeRequest.fromPartial({}), hexBytes)]
      const client = talk(head)
      for (const request of rest) client.say(request)
      await client.synced()

      assert.isFalse(client.values.some(([key, content]) => key === "svc.k29999" && content !== null))
    })

    it("says that it is unsure: in the sync, at once when that changes, and in updates; strict keys wait", async () => {
      const { node, talk } = await open()
      await node.publish("svc.plain", "1")
      const before = talk({ instanceId: "before" })
      await before.synced()
      await node.become(true)
      await waitUntil("the flip", () => before.of(UpdateKind.UPDATE_KIND_HEARTBEAT).at(-1)?.stale)
      const during = talk({ instanceId: "during" })
      assert.isTrue((await during.synced()).stale)
      assert.isTrue(during.last("svc.plain")?.stale)

      await node.become(false)
      for (const client of [before, during]) {
        await waitUntil("the flip back", () => client.of(UpdateKind.UPDATE_KIND_HEARTBEAT).at(-1)?.stale === false)
      }
      await node.publish("svc.strict", "2", { strict: true })
      for (const client of [before, during]) {
        await client.has("svc.strict", "2")
        assert.deepStrictEqual([client.last("svc.strict")?.strict, client.last("svc.strict")?.stale], [true, false])
      }
    })

    it("a strict key is withheld while it is unsure, also from a client that connects then, and comes when it is sure", async () => {
      const { node, talk } = await open()
      await node.publish("svc.s", "1", { strict: true })
      await node.publish("svc.p", "1")
      await talk({ instanceId: "beside" }).synced()
      await node.become(true)
      const client = talk()
      await client.synced()
      assert.deepStrictEqual(client.values, [["svc.p", "1"]])
      await node.become(false)

      await client.has("svc.s", "1")
    })

    it("a value that can't be made for this client is a problem, and no more once it can", async () => {
      const { node, talk } = await open()
      await node.publish("svc.t", "zone {{client.zone}}", { format: "string" })
      const without = talk()
      await without.synced()
      assert.deepStrictEqual(without.values, [])
      const [problem] = without.of(UpdateKind.UPDATE_KIND_PROBLEM)
      assert.strictEqual(problem?.key, "svc.t")
      assert.match(problem?.message ?? "", /zone/)

      const { epoch, revision } = await without.synced()
      const labelled = talk({ instanceId: "i2", metadata: { zone: "b" }, position: { epoch, revision } })
      await labelled.synced()
      assert.deepStrictEqual(labelled.values, [["svc.t", "zone b"]])
    })

    it("tells a change at once: whole, as a delta where that is asked for and shorter, or as a deletion", async () => {
      const { node, talk } = await open()
      const content = (n: number) =>
        JSON.stringify({ long: "x".repeat(20_000), list: Array.from({ length: 500 }, (_, i) => i), n })
      await node.publish("svc", content(1))
      const whole = talk({ instanceId: "whole" })
      const deltas = talk({ instanceId: "deltas", acceptsDelta: true })
      await Promise.all([whole.synced(), deltas.synced()])
      await node.publish("svc", content(2))
      await whole.has("svc", content(2))
      const update = await waitUntil("the delta", () => deltas.got.find(({ version }) => version === 2n))
      const text = Buffer.from(update.content).toString()
      assert.strictEqual(update.digest, digestOf(content(2)))
      if (update.deltaBase === "") assert.strictEqual(text, content(2))
      else {
        assert.strictEqual(update.deltaBase, digestOf(content(1)))
        assert.strictEqual(JSON.stringify(applyPatch(JSON.parse(content(1)), JSON.parse(text))), content(2))
      }
      await node.publish("svc", undefined)
      for (const client of [whole, deltas]) await client.has("svc", null)
      await node.publish("svc", "3")
      for (const client of [whole, deltas]) await client.has("svc", "3")
      const revisions = whole.got.filter(({ key }) => key === "svc").map(({ revision }) => revision)
      assert.deepStrictEqual(
        revisions,
        [...new Set(revisions)].sort((a, b) => Number(a - b))
      )
    })

    it("a second client of one name ends the first, which must not come back at once", async () => {
      const { talk } = await open()
      const first = talk()
      await first.synced()
      await talk().synced()
      const { status, code, hopeless } = await first.end()

      assert.deepStrictEqual([status, code, hopeless], [10, "HRLD-5002", true])
    })

    it("a node that leaves says when to come back, then ends the stream in a way that is worth coming back from", async () => {
      const { node, talk } = await open()
      const client = talk()
      await client.synced()
      const leaving = node.drain()
      const ended = await client.end()
      await leaving

      assert.isAtLeast(client.of(UpdateKind.UPDATE_KIND_DRAIN).length, 1)
      assert.deepStrictEqual([ended.hopeless, [0, 14].includes(ended.status)], [false, true])
    })

    it("answers count for the version and the epoch that they name", async () => {
      const { node, talk } = await open()
      await node.publish("svc.a", "1")
      await node.publish("svc.b", "1")
      await node.publish("svc.c", "1")
      const client = talk()
      await client.synced()
      client.ack(client.last("svc.a"))
      client.ack(client.last("svc.b"), { outcome: AckOutcome.ACK_OUTCOME_REJECTED, reason: "too big" })
      client.ack(client.last("svc.c"), { epoch: "another" })
      client.ack(client.last("svc.c"), { revision: 99n })
      const recorded = await waitUntil("the answers", async () => {
        const all = await node.recorded("i1")
        return all.length >= 2 ? all : undefined
      })

      assert.sameDeepMembers(
        recorded.map(({ key, applied, reason }) => [key, applied, reason]),
        [
          ["svc.a", true, ""],
          ["svc.b", false, "too big"]
        ]
      )
    })

    it("an answer without an outcome is refused", async () => {
      const { node, talk } = await open()
      await node.publish("svc", "1")
      const client = talk()
      await client.synced()
      client.ack(client.last("svc"), { outcome: AckOutcome.ACK_OUTCOME_UNSPECIFIED })

      assert.deepInclude(await client.end(), { status: 3, code: "HRLD-1001" })
    })

    it("a wrong token and a missing name are refused with a code", async () => {
      const { talk } = await open()
      assert.deepInclude(await talk({}, "hrld_wrong").end(), { status: 16, code: "HRLD-3001" })
      assert.deepInclude(await talk({ instanceId: "" }).end(), { status: 3, code: "HRLD-1001" })
    })

    it("SDK2 CU5: the SDK's client knows end to end that the node is unsure, and has everything when it is sure", async () => {
      const { node } = await open()
      await node.publish("svc", "1")
      await node.publish("svc.s", "1", { strict: true })
      const connect = (instance: string) =>
        HeraldClient.connect({ address: "x:1", service: "svc", instance }, { transport: node.transport() })
      await using before = await connect("before")
      assert.deepStrictEqual([before.get("svc.s"), before.confirmed], [1, true])
      await node.become(true)
      await waitUntil("the client to know", () => !before.confirmed)
      assert.throws(() => before.get("svc.s"), StaleError)
      assert.deepStrictEqual([before.get("svc"), before.getEntry("svc")?.stale], [1, true])
      await using during = await connect("during")
      assert.deepStrictEqual([during.state, during.confirmed, during.keys()], ["live", false, ["svc"]])

      await node.become(false)
      for (const client of [before, during]) {
        await waitUntil("the client to be sure", () => client.confirmed && client.keys().length === 2)
        assert.deepStrictEqual([client.get("svc.s"), client.getEntry("svc")?.stale], [1, false])
      }
    })
  })
}

import { createHmac } from "node:crypto"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import {
  bodyOf,
  delayOf,
  headersOf,
  importKey,
  isCritical,
  MAX_AGE,
  MAX_ATTEMPTS,
  pack,
  type Reply,
  unpack,
  verdictOf,
  webhookId
} from "../../src/webhooks/Webhook.ts"

const answered = (status: number, retryAfterMillis?: number): Reply => ({ kind: "answered", status, retryAfterMillis })

describe("Webhook", () => {
  it("WH1 the id has no full stop, and tells events apart as theirs do", () => {
    const ids = ["e/1/production/a.b", "e/1/production/a%2Eb", "e/1/production/a/b", "e/1/production/a%b"]
    for (const id of ids) {
      assert.notInclude(webhookId(id), ".")
      assert.strictEqual(decodeURIComponent(webhookId(id)), id)
    }
    assert.strictEqual(new Set(ids.map(webhookId)).size, ids.length)
  })

  it("WH2 signatures are those of the specification, by each secret", async () => {
    // The example of the reference implementations.
    const secrets = ["whsec_plJ3nmyCDGBKInavdOK15jsl", "a secret as it is, without a prefix"]
    const keys = await Promise.all(secrets.map(importKey))
    const body = JSON.stringify({ event_type: "ping", data: { success: true } })
    const headers = await headersOf(keys, "msg_loFOjxBNrRLzqYUf", 1_731_705_121_900, body)
    const content = `msg_loFOjxBNrRLzqYUf.1731705121.${body}`
    const other = createHmac("sha256", secrets[1]!).update(content).digest("base64")
    assert.deepStrictEqual(headers, {
      "webhook-id": "msg_loFOjxBNrRLzqYUf",
      "webhook-timestamp": "1731705121",
      "webhook-signature": `v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0= v1,${other}`
    })
  })

  it("WH2 the code in docs/webhooks.md verifies what is sent, and nothing else", async () => {
    const page = readFileSync(new URL("../../docs/webhooks.md", import.meta.url), "utf8")
    const code = /## Verify a signature\n```js\n([\s\S]*?)```/.exec(page)![1]!
    const { verify } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
      readonly verify: (secret: string, headers: Record<string, string>, body: string) => boolean
    }
    for (const secret of [
      "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
      "a secret as it is, without a prefix"
    ]) {
      const keys = [await importKey("another one, before this"), await importKey(secret)]
      const headers = await headersOf(keys, "e/1/production/a%2Eb", Date.now(), "{}")
      assert.isTrue(verify(secret, headers, "{}"))
      assert.isFalse(verify(secret, headers, "{ }"))
      assert.isFalse(verify(secret, { ...headers, "webhook-id": "e/2/production/a%2Eb" }, "{}"))
      assert.isFalse(verify("one that did not sign it at all", headers, "{}"))
      const old = await headersOf(keys, "e/1/production/a%2Eb", Date.now() - 600_000, "{}")
      assert.isFalse(verify(secret, old, "{}"))
    }
  })

  it("WH3 what an answer means", () => {
    const states = (answer: Reply) => verdictOf(answer, 1, 0, 0).state
    for (const status of [200, 201, 204, 299]) assert.strictEqual(states(answered(status)), "delivered")
    for (const status of [408, 429, 500, 502, 503, 599]) assert.strictEqual(states(answered(status)), "waiting")
    for (const status of [0, 100, 301, 302, 307, 400, 401, 403, 404, 410, 422])
      assert.deepInclude(verdictOf(answered(status), 1, 0, 0), { state: "failed", reason: "receiver_refused" })
    assert.strictEqual(states({ kind: "unreachable", why: "reset" }), "waiting")
    assert.deepInclude(verdictOf({ kind: "forbidden", why: "private" }, 1, 0, 0), { reason: "address_refused" })
  })

  it("WH3 the delay doubles up to an hour, follows Retry-After up to an hour, and all ends within a day", () => {
    assert.deepStrictEqual(
      [1, 2, 3, 12, 13, 40].map((n) => delayOf(n, 0)),
      [1_000, 2_000, 4_000, 2_048_000, 3_600_000, 3_600_000]
    )
    assert.strictEqual(delayOf(3, 1), 2_000)
    assert.deepInclude(verdictOf(answered(429, 30_000), 1, 0, 0), { afterMillis: 30_000 })
    assert.deepInclude(verdictOf(answered(503, 10 * MAX_AGE), 1, 0, 0), { afterMillis: 3_600_000 })
    assert.deepInclude(verdictOf(answered(503), MAX_ATTEMPTS, 0, 0), { state: "failed", reason: "retries_used_up" })
    let [age, attempts] = [0, 0]
    for (let verdict = verdictOf(answered(503), ++attempts, age, 0.5); verdict.state === "waiting"; ) {
      age += verdict.afterMillis
      verdict = verdictOf(answered(503), ++attempts, age, 0.5)
    }
    assert.isAtMost(age, MAX_AGE)
    assert.isAbove(age, MAX_AGE / 2)
    assert.isAtMost(attempts, MAX_ATTEMPTS)
  })

  it("WN1 critical keys are those of the patterns", () => {
    const patterns = ["payment.*", "svc"]
    assert.deepStrictEqual(
      ["payment.a", "payment.a.b", "svc", "payment", "payments.a", "svc.a"].map((key) => isCritical(patterns, key)),
      [true, true, true, false, false, false]
    )
    assert.isTrue(isCritical(["*"], "anything"))
  })

  it("WH1 a message is the same when it comes out of the queue, and so is its body", () => {
    const body = new TextEncoder().encode(
      '{"event_type":"config_update","timestamp":"2026-01-01T00:00:00.000Z","actor":"ü"}'
    )
    const received = {
      partition: 1,
      offset: "9007199254740993",
      at: 5,
      key: new Uint8Array([0, 255, 7]),
      body,
      headers: { ce_id: "1" }
    }
    assert.deepStrictEqual(unpack(pack(received)), received)
    assert.deepStrictEqual(unpack(pack({ ...received, key: null })), { ...received, key: null })
    assert.deepStrictEqual(JSON.parse(bodyOf("1", new TextDecoder().decode(body))), {
      type: "config.updated",
      timestamp: "2026-01-01T00:00:00.000Z",
      id: "1",
      data: { event_type: "config_update", timestamp: "2026-01-01T00:00:00.000Z", actor: "ü" }
    })
    const data = { event_type: "rollout_rolled_back", timestamp: "2026-01-01T00:00:00.000Z" }
    assert.deepInclude(JSON.parse(bodyOf("1", JSON.stringify(data))), { type: "rollout.rolled_back", data })
  })
})

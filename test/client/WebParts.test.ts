/** What stands in a browser in the place of what is of Node, against what it stands for. */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { afterEach, vi } from "vitest"
import * as Real from "../../proto/generated/herald/distribution/v1/distribution.ts"
import * as Web from "../../src/client/ProtoWeb.ts"
import { Sha256 } from "../../src/client/Sha256.ts"
import * as Files from "../../src/client/WebFiles.ts"

describe("a browser's parts", () => {
  it.prop("XK1 SHA-256 is that of node:crypto, of whatever pieces", [Schema.Array(Schema.Uint8Array)], ([pieces]) => {
    const [ours, theirs] = [new Sha256(), createHash("sha256")]
    for (const piece of pieces) {
      ours.add(piece)
      theirs.update(piece)
    }
    assert.strictEqual(ours.hex(), theirs.digest("hex"))
  })

  it("XK1 SHA-256 is right at the borders of its blocks", () => {
    for (let length = 0; length < 260; length++) {
      const bytes = Buffer.alloc(length, length)
      assert.strictEqual(new Sha256().add(bytes).hex(), createHash("sha256").update(bytes).digest("hex"), `${length}`)
    }
  })

  it("XW1 names and defaults are the protocol's", () => {
    assert.deepStrictEqual(
      [Web.AckOutcome, Web.UpdateKind, Web.Health],
      [Real.AckOutcome, Real.UpdateKind, Real.Health]
    )
    assert.deepStrictEqual(Web.SubscribeRequest.fromPartial({}), Real.SubscribeRequest.fromPartial({}))
    assert.deepStrictEqual(Web.ReportHealthRequest.fromPartial({}), Real.ReportHealthRequest.fromPartial({}))
  })
})

/** As much of IndexedDB as files need; questions of one transaction are answered in their order. */
const memory = () => {
  const stores = new Map([
    ["marks", new Map<string, unknown>()],
    ["texts", new Map<string, unknown>()]
  ])
  // biome-ignore lint/suspicious/noExplicitAny: a stand-in of a browser's
  type Any = any
  const transaction = () => {
    const one: Any = {}
    let left = 0
    const ask = (work: () => unknown) => {
      const asked: Any = {}
      left++
      queueMicrotask(() => {
        asked.result = work()
        asked.onsuccess?.()
        left--
      })
      return asked
    }
    one.objectStore = (name: string) => {
      const its = stores.get(name)!
      return {
        get: (key: string) => ask(() => its.get(key)),
        put: (value: unknown, key: string) => ask(() => its.set(key, value)),
        delete: (key: string) => ask(() => its.delete(key)),
        getAll: () => ask(() => [...its.values()]),
        getAllKeys: () => ask(() => [...its.keys()])
      }
    }
    const settle = () => (left === 0 ? one.oncomplete() : setImmediate(settle))
    setImmediate(settle)
    return one
  }
  const open = () => {
    const asked: Any = { result: { transaction, close: () => {} } }
    queueMicrotask(() => asked.onsuccess())
    return asked
  }
  return { stores, open }
}
let names = 0
let ids = 0
const write = async (path: string, text: string) =>
  Files.renameFile(
    await Files.writeBeside(
      path,
      (async function* () {
        yield text
      })(),
      () => String(++ids)
    ),
    path
  )

describe("files in IndexedDB", () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })

  it("WX1 are written, listed, read and removed under their names", async () => {
    vi.stubGlobal("indexedDB", memory())
    const folder = `f${names++}`
    await write(`${folder}/a`, "one")
    await write(`${folder}/b`, "two")
    await write(`${folder}/a`, "three")
    assert.sameMembers(await Files.listFiles(folder), ["a", "b"])
    assert.strictEqual(await Files.readOwn(`${folder}/a`), "three")
    assert.strictEqual(await Files.readOwn(`${folder}/a`, 2), "th")
    assert.strictEqual((await Files.markOf(`${folder}/a`))?.size, 5)
    await Files.removeFile(`${folder}/a`)
    assert.isUndefined(await Files.readOwn(`${folder}/a`))
    assert.isUndefined(await Files.markOf(`${folder}/a`))
  })

  it("WX2, WX4 are so many at most: the oldest go, also while the clock is set back", async () => {
    const { stores, ...factory } = memory()
    vi.stubGlobal("indexedDB", factory)
    vi.useFakeTimers({ toFake: ["Date"] })
    const folder = `f${names++}`
    for (let n = 0; n < 40; n++) {
      vi.setSystemTime(1e12 - n * 3_600_000)
      await write(`${folder}/n${n}`, "x")
    }
    assert.strictEqual(stores.get("marks")!.size, 32)
    assert.strictEqual(stores.get("texts")!.size, 32)
    assert.isFalse(stores.get("texts")!.has("n0"))
    assert.isTrue(stores.get("texts")!.has("n39"))
    const ages = await Promise.all([...stores.get("texts")!.keys()].map((name) => Files.markOf(`${folder}/${name}`)))
    assert.deepStrictEqual(
      ages.map((mark) => mark?.writtenAt),
      Array.from({ length: 32 }, (_, i) => i + 9)
    )
  })

  it("WX1, WX3 a file that is gone is not renamed, and one that is no text is not read: both are said at once", async () => {
    const { stores, ...factory } = memory()
    vi.stubGlobal("indexedDB", factory)
    const folder = `f${names++}`
    stores.get("texts")!.set("odd", 1)
    assert.match(await Files.renameFile(`${folder}/a.tmp`, `${folder}/a`).then(() => "", String), /a\.tmp is gone/)
    assert.match(await Files.readOwn(`${folder}/odd`).then(() => "", String), /no text/)
  })

  it("WX3 where there is none, or it hangs, a question fails and nothing else", async () => {
    assert.match(await Files.listFiles(`f${names++}`).then(() => "", String), /no IndexedDB/)
    vi.useFakeTimers()
    vi.stubGlobal("indexedDB", { open: () => ({}) })
    const folder = `f${names++}`
    const failed = Files.readOwn(`${folder}/a`).then(() => "", String)
    await vi.advanceTimersByTimeAsync(5_000)
    assert.match(await failed, /did not open within/)
    vi.useRealTimers()
    vi.stubGlobal("indexedDB", memory())
    assert.isUndefined(await Files.readOwn(`${folder}/a`)) // it is asked anew
  })
})

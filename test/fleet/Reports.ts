/** What a store knows of one instance, what is desired of it, and the clients of a fleet on both. */
import { assert } from "@effect/vitest"
import { Layer } from "effect"
import type { Head } from "../../src/configuration/Configuration.ts"
import { Clients } from "../../src/fleet/Clients.ts"
import type { InstanceReport, KeyFacts } from "../../src/fleet/Instance.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { matches } from "../../src/keys/Pattern.ts"
import type { Mark } from "../../src/updates/Update.ts"
import { UpdateSource } from "../../src/updates/UpdateSource.ts"
import { head as headOf } from "../support/Configuration.ts"

export const head = (key: string, version: number, deleted = false) =>
  headOf(key, { version, revision: BigInt(version * 10), deleted })
export const fact = (version: number, reason = "") => ({
  epoch: "e",
  version,
  revision: BigInt(version * 10),
  at: 100,
  reason
})
export const facts = (key: string, known: Partial<KeyFacts>): KeyFacts => ({
  key,
  sent: undefined,
  applied: undefined,
  rejected: undefined,
  problem: undefined,
  ...known
})
export const report: InstanceReport = {
  environment: "production",
  service: "shop",
  instance: "one",
  state: "connected",
  labels: { region: "eu" },
  patterns: ["shop", "shop.*"],
  connectedAt: 1,
  lastSeen: 2,
  ending: "",
  node: "n",
  session: "r/1",
  owner: "shop",
  keys: [
    facts("other", { sent: fact(9) }),
    facts("shop", { sent: fact(2), applied: fact(2) }),
    facts("shop.a", { sent: fact(3), applied: fact(2), rejected: fact(3, "too low") }),
    facts("shop.b", { sent: fact(1) }),
    facts("shop.gone", { sent: fact(1), applied: fact(1) }),
    facts("shop.t", { problem: fact(0, "{{x}} is missing") })
  ],
  troubled: 2,
  health: undefined
}
export const heads = [
  head("shop", 2),
  head("shop.a", 4),
  head("shop.b", 1),
  head("shop.gone", 2, true),
  head("shop.never", 1, true),
  head("shop.new", 1),
  head("shop.t", 1)
]

const markOf = ({ key, version, revision, digest, deleted }: Head): Mark => ({
  kind: deleted ? "deleted" : "value",
  key,
  version,
  revision,
  epoch: "e",
  digest,
  traceparent: "",
  committedAt: 0,
  stale: false
})

/** Keys that were read. */
export const cost = { read: 0 }
export const layerOn = (
  list: InstanceStore["Service"]["list"],
  all: ReadonlyArray<Head> = heads,
  count: InstanceStore["Service"]["count"] = () => assert.fail("nothing is counted")
) => {
  const marks = new Map(all.map((one) => [one.key, markOf(one)]))
  return Clients.layer.pipe(
    Layer.provide([
      Layer.mock(InstanceStore, { list, count }),
      Layer.mock(UpdateSource, {
        target: () => undefined,
        known: () => undefined,
        mark: () => assert.fail("nothing is sent"),
        touched: () => [],
        serves: () => true,
        remember: () => {},
        standing: (_, key) => marks.get(key),
        page: (_, pattern, after, limit) => {
          const covered = all.filter(({ key }) => matches(pattern, key) && key > after).slice(0, limit)
          cost.read += covered.length
          return covered
        }
      })
    ])
  )
}

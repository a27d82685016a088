/**
 * Twenty instances of a shop, to try rollouts with: `npm run fleet`. Each says what it has, and is unhealthy when its timeout is too short.
 * The server is the local one, or HERALD_GRPC with HERALD_TOKEN.
 */
import { readFileSync } from "node:fs"
import { HeraldClient } from "../../src/client/HeraldClient.ts"

const { HERALD_GRPC = "127.0.0.1:50051", HERALD_DATA = ".herald", HERALD_TOKEN } = process.env
const token = HERALD_TOKEN ?? readFileSync(`${HERALD_DATA}/admin-token`, "utf8").trim()
const INSTANCES = 20
/** Milliseconds. */
const NEEDED = 50

const timeouts = new Map<string, number>()
let said = ""
const tell = () => {
  const counts = new Map<number, number>()
  for (const timeout of timeouts.values()) counts.set(timeout, (counts.get(timeout) ?? 0) + 1)
  const all = [...counts].map(([timeout, many]) => `${many} with a timeout of ${timeout} ms`).join(", ")
  if (all !== said) console.log((said = all))
}

for (let number = 1; number <= INSTANCES; number++) {
  const instance = `shop-${number}`
  const client = await HeraldClient.connect({
    address: HERALD_GRPC,
    token,
    service: "shop",
    instance,
    labels: { region: number % 2 === 0 ? "eu" : "us" },
    healthMillis: 1_000,
    health: () =>
      (timeouts.get(instance) ?? NEEDED) < NEEDED
        ? { status: "unhealthy", message: "calls to the bank time out" }
        : "healthy"
  })
  client.watch<{ timeout: number }>("shop", {
    apply: (shop) => {
      timeouts.set(instance, shop?.timeout ?? NEEDED)
      setImmediate(tell)
    }
  })
}
console.log(`${INSTANCES} instances of shop are connected; stop them with Ctrl-C`)

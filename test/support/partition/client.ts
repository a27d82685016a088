/** An SDK client in a process of its own: tells its parent what it has, whenever that changes. Arguments: address, token, instance, folder. */
import { HeraldClient } from "../../../src/client/HeraldClient.ts"

export interface Told {
  readonly state: string
  readonly value: unknown
  readonly stale: boolean | undefined
  /** Every value that was applied, in order. */
  readonly seen: ReadonlyArray<unknown>
}

// The namespace must have its cable before anything is opened.
await new Promise((resolve) => process.once("message", resolve))
const [address, token, instance, directory] = process.argv.slice(2) as [string, string, string, string]
const seen: Array<unknown> = []
const client = await HeraldClient.connect({
  address,
  token,
  service: "svc",
  instance,
  lastKnownGood: { directory, delayMillis: 1 },
  waitForSync: false,
  connectTimeoutMillis: 2_000
})
client.watch("svc", { apply: (value) => void seen.push(value) })
let before = ""
setInterval(() => {
  const entry = client.getEntry("svc")
  const told: Told = { state: client.state, value: entry?.value, stale: entry?.stale, seen }
  const text = JSON.stringify(told)
  if (text !== before) process.send!(told)
  before = text
}, 20)
process.on("disconnect", () => process.exit())

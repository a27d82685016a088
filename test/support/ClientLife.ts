/** A service that uses the SDK, as a process of its own. Arguments: what it does, the server's address. Prints lines of JSON. */
import process from "node:process"
import { type ClientEvent, HeraldClient } from "../../src/client/HeraldClient.ts"

const [mode = "", address = ""] = process.argv.slice(2)
const say = (line: object) => console.log(JSON.stringify(line))
const never = () => new Promise<never>(() => {})
/** So long that a timer left behind would keep the process alive for an hour. */
const hour = 3_600_000
const options = { address, service: "shop", hookTimeoutMillis: hour, silenceMillis: hour, heartbeatMillis: hour }
const connect = (more: object = {}) => HeraldClient.connect({ ...options, ...more })
const thrown = () => {
  throw new Error("mine")
}

const modes: Record<string, () => Promise<void>> = {
  plain: async () => (await connect()).close(),
  "three closes": async () => {
    const client = await connect()
    await Promise.all([client.close(), client.close(), client.close()])
  },
  "an iteration": async () => {
    const client = await connect()
    const iterate = (async () => {
      for await (const _ of client.watch("shop")) await client.close()
    })()
    await iterate
  },
  "a hook that hangs": async () => {
    const client = await connect()
    let aborted = false
    client.watch("shop", {
      apply: (_, { signal }) => {
        signal.addEventListener("abort", () => {
          aborted = true
        })
        setImmediate(() => client.close().then(() => say({ aborted })))
        return never()
      }
    })
    await client.settled()
  },
  "close inside a hook": async () => {
    const client = await connect()
    client.watch("shop", { apply: () => client.close() })
    await client.settled()
  },
  "a token that hangs": async () => {
    const client = await connect({ token: never, defaults: { shop: 1 }, connectTimeoutMillis: 50 })
    await client.close()
  },
  "a report whose token hangs": async () => {
    let asked = 0
    const client = await connect({ token: () => (asked++ === 0 ? "secret" : never()) })
    const report = client.reportHealth("healthy").catch((error: Error) => say({ report: error.name }))
    await client.close()
    await report
  },
  "a connect that failed": async () => {
    const error = await connect({ address: "127.0.0.1:1", connectTimeoutMillis: 50 }).catch((e: Error) => e)
    say({ failed: (error as Error).name })
  },
  "a retry that waits": async () => {
    const client = await connect({
      address: "127.0.0.1:1",
      defaults: { shop: 1 },
      reconnect: { baseMillis: hour, capMillis: hour }
    })
    await client.close()
  },
  "listeners that throw": async () => {
    const lines: Array<string> = []
    const client = await connect({
      onStateChange: thrown,
      onEvent: (event: ClientEvent) => {
        JSON.parse(`{"not": json ${event.type}`)
      },
      logger: (line: string) => lines.push(line),
      validate: (value: unknown) => value !== "bad"
    })
    client.watch("shop", { apply: thrown })
    await client.settled()
    while (lines.length === 0) await new Promise(setImmediate)
    await client.close()
  }
}

await modes[mode]!()
say({ done: mode })

/** An SDK client for the smoke, on whichever runtime runs it. Arguments: address, token, service, data folder. */
import process from "node:process"
import { HeraldClient } from "../../src/client/HeraldClient.ts"

const [address, token, service, directory] = process.argv.slice(2)
const say = (line: object) => console.log(JSON.stringify(line))

const client = await HeraldClient.connect({
  address: address!,
  token: token!,
  service: service!,
  lastKnownGood: { directory: directory! },
  waitForSync: true,
  connectTimeoutMillis: 30_000
})
say({ state: client.state })
for await (const { key, value, entry } of client.watch(service!)) {
  say({ key, value, source: entry?.source, version: entry?.version })
  if ((value as { done?: boolean } | undefined)?.done) break
}
await client.reportHealth("healthy", "applied")
await client.close()
say({ state: client.state })

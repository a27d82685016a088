/**
 * A service that uses the SDK, as a process of its own, and dies of a value that says `crash`: a moment after it applied it. Arguments: address,
 * token, instance, key. Prints each version that it was given, as a line of JSON.
 */
import { HeraldClient } from "../../src/client/HeraldClient.ts"

const [address = "", token = "", instance = "", key = ""] = process.argv.slice(2)
/** Milliseconds in which what it applied is said to the server. */
const MOMENT = 150

const client = await HeraldClient.connect({ address, token, service: "svc", instance, waitForSync: true })
client.watch<{ readonly crash?: boolean }>(key, {
  apply: (value, { version, revision, epoch }) => {
    console.log(JSON.stringify({ key, version, revision, epoch, kind: "UPDATE_KIND_VALUE" }))
    if (value?.crash === true) setTimeout(() => process.exit(139), MOMENT)
  }
})

/** A process that replaces a last-known-good file until it is killed, and says each time that it has. Arguments: directory. */
import process from "node:process"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { LastKnownGood } from "../../src/client/LastKnownGood.ts"
import { systemClock } from "../../src/client/Platform.ts"

let revision = 0
const file = new LastKnownGood(
  { directory: process.argv[2]!, environment: "production", service: "shop", labels: {}, patterns: ["shop", "shop.*"] },
  systemClock,
  () => {
    const content = `${revision} `.repeat(20_000)
    const version = {
      key: "shop",
      version: revision,
      revision: BigInt(revision),
      epoch: "e1",
      format: "string",
      content,
      digest: digestOf(content),
      deleted: false,
      strict: false,
      unconfirmed: false,
      source: "disk" as const,
      traceparent: ""
    }
    return { epoch: "e1", revision: BigInt(revision), versions: [version] }
  },
  (message) => {
    throw new Error(message)
  }
)
for (;;) {
  revision++
  file.schedule()
  await file.flush()
  process.stdout.write(`${revision}\n`)
}

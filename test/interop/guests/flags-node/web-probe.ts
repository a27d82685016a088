/** What a page makes of flags, as lines of JSON whenever that changes: see Flags.test.ts. */
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk"
import { connect } from "./web.ts"

const [host = "", port = ""] = process.argv.slice(2)
const say = (fact: string, value: unknown) => process.stdout.write(`${JSON.stringify({ fact, value })}\n`)

interface Details {
  readonly value: unknown
  readonly variant?: string
  readonly reason?: string
  readonly errorCode?: string
}
const told = ({ value, variant, reason, errorCode }: Details) => [value, variant, reason, errorCode]

const flags = await connect(host, Number(port), "ann", "free")
const free = flags.getBooleanValue("new-checkout", false)
await OpenFeature.setContext({ targetingKey: "ann", plan: "pro" })
flags.addHandler(ProviderEvents.ConfigurationChanged, () => void say("event", "changed"))
for (let before = ""; ; ) {
  const now = {
    checkout: [flags.getBooleanValue("new-checkout", false), free],
    text: told(flags.getStringDetails("text", "own")),
    whole: told(flags.getNumberDetails("whole", 7)),
    half: told(flags.getNumberDetails("half", 7)),
    object: told(flags.getObjectDetails("object", {})),
    dark: told(flags.getBooleanDetails("dark", true)),
    open: told(flags.getBooleanDetails("open", true)),
    gone: told(flags.getBooleanDetails("gone", true)),
    wrong: told(flags.getStringDetails("whole", "own"))
  }
  const text = JSON.stringify(now)
  if (text !== before) say("flags", now)
  before = text
  await new Promise((resolve) => setTimeout(resolve, 100))
}

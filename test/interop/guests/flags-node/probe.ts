/** What an application in TypeScript makes of flags, as lines of JSON whenever that changes: see Flags.test.ts. */
import { ProviderEvents } from "@openfeature/server-sdk"

const { flags, hasNewCheckout } = (await import(process.argv[2] ?? "./app.ts")) as typeof import("./app.ts")

const say = (fact: string, value: unknown) => process.stdout.write(`${JSON.stringify({ fact, value })}\n`)

interface Details {
  readonly value: unknown
  readonly variant?: string
  readonly reason?: string
  readonly errorCode?: string
}
const told = async (asked: Promise<Details>) => {
  const { value, variant, reason, errorCode } = await asked
  return [value, variant, reason, errorCode]
}

flags.addHandler(ProviderEvents.ConfigurationChanged, () => void say("event", "changed"))
const who = { targetingKey: "ann", plan: "pro" }
for (let before = ""; ; ) {
  const now = {
    checkout: [await hasNewCheckout("ann", "pro"), await hasNewCheckout("ann", "free")],
    text: await told(flags.getStringDetails("text", "own", who)),
    whole: await told(flags.getNumberDetails("whole", 7, who)),
    half: await told(flags.getNumberDetails("half", 7, who)),
    object: await told(flags.getObjectDetails("object", {}, who)),
    dark: await told(flags.getBooleanDetails("dark", true, who)),
    open: await told(flags.getBooleanDetails("open", true, who)),
    gone: await told(flags.getBooleanDetails("gone", true, who)),
    wrong: await told(flags.getStringDetails("whole", "own", who))
  }
  const text = JSON.stringify(now)
  if (text !== before) say("flags", now)
  before = text
  await new Promise((resolve) => setTimeout(resolve, 100))
}

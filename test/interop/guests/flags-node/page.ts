/** A page: it asks for flags of another origin, and tells its own what it got. See Browser.test.ts. */
import { ProviderEvents } from "@openfeature/web-sdk"
import { connect } from "./web.ts"

const { location } = globalThis as unknown as { readonly location: { readonly search: string } }
const { host = "", port = "" } = Object.fromEntries(new URLSearchParams(location.search))
const say = (value: unknown) => fetch("/said", { method: "POST", body: JSON.stringify(value) })

const may = await fetch(`http://${host}:${port}/flagd.evaluation.v1.Service/ResolveAll`, {
  ...{ method: "POST", body: "{}" },
  headers: { "content-type": "application/json" }
}).then(
  ({ status }) => status,
  () => "refused"
)
await say({ may })
if (may === 200) {
  const flags = await connect(host, Number(port), "ann", "pro")
  const tell = () =>
    say({ checkout: flags.getBooleanValue("new-checkout", false), text: flags.getStringValue("text", "own") })
  flags.addHandler(ProviderEvents.ConfigurationChanged, () => void tell())
  await tell()
}

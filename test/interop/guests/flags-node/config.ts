/** A page that holds a service's configuration, and tells its origin what it has. See BrowserConfig.test.ts. */
import { HeraldClient } from "../../../../src/client/Web.ts"

const { location, document } = globalThis as unknown as {
  readonly location: { readonly search: string; readonly reload: () => void }
  // biome-ignore lint/suspicious/noExplicitAny: the types of browsers are not among those of Node
  readonly document: any
}
const { address = "", tab = "", beside = "", store = "" } = Object.fromEntries(new URLSearchParams(location.search))
const say = (value: object) => fetch("/said", { method: "POST", body: JSON.stringify({ tab, ...value }) })

if (beside !== "") {
  const frame = document.createElement("iframe")
  frame.src = `/?${new URLSearchParams({ address, tab: beside })}`
  document.body.append(frame)
}

// biome-ignore lint/suspicious/noExplicitAny: as above
const factory = (globalThis as any).indexedDB
if (store === "refused")
  factory.open = () => {
    throw new Error("this browser keeps nothing")
  }
if (store === "blocked")
  // Somebody holds the folder, and somebody waits to change its layout: whoever comes then waits behind them.
  await new Promise<void>((resolve) => {
    const held = factory.open("herald:page", 1)
    // Kept, or its database might be let go as nobody's.
    held.onsuccess = () => {
      Object.assign(globalThis, { held: held.result })
      factory.open("herald:page", 2).onblocked = () => resolve()
    }
  })

/** The page's own server has the token. */
const token = async () => (await fetch("/ticket")).text()
const began = performance.now()
try {
  const client = await HeraldClient.connect({
    ...{ address, service: "page", instance: `tab-${tab}`, token, lastKnownGood: { directory: "page" } },
    ...{ reconnect: { baseMillis: 50, capMillis: 500 }, connectTimeoutMillis: 4_000 },
    onStateChange: (state, _, why) => void say({ state, why: why?.message }),
    onEvent: (event) => void say({ event })
  })
  const tell = () => {
    const { value, source, stale } = client.getEntry("page") ?? {}
    return say({ value, source, stale, took: performance.now() - began })
  }
  client.watch<{ n: number }>("page", {
    validate: ({ n }) => n < 100 || "n is too large",
    apply: () => void setTimeout(tell, 0)
  })
  await tell()
} catch (error) {
  await say({ failed: String(error) })
}
/** What is in the folder that a client keeps its last known good in. */
const kept = (): Promise<ReadonlyArray<string>> =>
  new Promise((resolve) => {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const asked = (globalThis as any).indexedDB.open("herald:page")
    asked.onsuccess = () => {
      const all = asked.result.transaction("texts").objectStore("texts").getAll()
      all.onsuccess = () => {
        asked.result.close()
        resolve(all.result)
      }
    }
  })

/** What the test wants. */
while (true) {
  const command = await fetch(`/command?${tab}`).then(
    (answer) => answer.text(),
    () => ""
  )
  if (command === "kept") await say({ kept: await kept() })
  if (command === "reload") {
    location.reload()
    break
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
}

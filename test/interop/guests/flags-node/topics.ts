/** A page that publishes to a topic and reads it, and tells its origin what it got. See BrowserTopics.test.ts. */
import { Topics } from "../../../../src/client/topics/Web.ts"

const { location } = globalThis as unknown as { readonly location: { readonly search: string } }
const { address = "", token = "" } = Object.fromEntries(new URLSearchParams(location.search))
const say = (value: unknown) => fetch("/said", { method: "POST", body: JSON.stringify(value) })

const topic = new Topics({ address, token: () => token, reconnect: { baseMillis: 50, capMillis: 200 } }).topic("page")
const reader = topic.subscribe({
  from: "earliest",
  filter: "n >= 0",
  onLive: () => void say({ live: true }),
  onReconnect: () => void say({ lost: true })
})
const producer = await topic.producer({ id: "page" })
void Promise.all([1, 2, 3].map((n) => producer.send([{ key: "k", json: { n, by: "page" } }]))).then(
  (placed) => say({ placed: placed.flat().length }),
  (error) => say({ failed: String(error) })
)
try {
  for await (const { events } of reader) for (const event of events) await say({ event: event.json() })
} catch (error) {
  await say({ failed: String(error) })
}

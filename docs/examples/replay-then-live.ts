/**
 * Reads everything that there is of a topic, says when it has caught up, and goes on with what is new: over gRPC (host:port), or over a WebSocket where
 * the address begins with http:// or https://, as in a browser.
 *
 *   HERALD_TOKEN=$(cat .herald/admin-token) node replay-then-live.ts 127.0.0.1:50051 shop/orders
 */
import process from "node:process"
import { Topics } from "../../src/client/HeraldClient.ts" // yours: @herald/client

process.stdout.on("error", () => process.exit(0)) // whoever reads what is printed went away, as `head` does
const [address = "", topic = ""] = process.argv.slice(2)
const topics = new Topics({ address, token: process.env["HERALD_TOKEN"] })
const reader = topics.topic(topic).subscribe({
  from: "earliest", // or an event's id, a time, { offsets: reader.position() } of an earlier run
  onReconnect: ({ message }) => console.error("not connected:", message), // it goes on trying
  onLive: () => console.log("live"),
  onGap: ({ partition, from, to, why }) => console.log(`partition ${partition}: nothing from ${from} to ${to}: ${why}`)
})
process.once("SIGTERM", () => void topics.close())
for await (const { events } of reader) for (const event of events) console.log(event.id, event.text())

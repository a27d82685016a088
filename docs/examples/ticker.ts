/**
 * A ticker: trades of some symbols as they come, over the WebSocket of market data. The same lines run in a browser.
 *
 *   herald demo market --symbols AAPL,BTC-USD
 *   HERALD_TOKEN=$(cat .herald/admin-token) node ticker.ts http://127.0.0.1:8080 AAPL
 */
import process from "node:process"

interface Said {
  readonly type: string
  readonly payload: {
    readonly problem?: { readonly detail: string }
    readonly data?: ReadonlyArray<{ readonly symbol: string; readonly price: string; readonly size: string }>
  }
}

process.stdout.on("error", () => process.exit(0)) // whoever reads what is printed went away, as `head` does
const [address = "", ...symbols] = process.argv.slice(2)
const socket = new WebSocket(`${address.replace(/^http/, "ws")}/api/v1/market-data/stream`)
socket.onopen = () => {
  socket.send(JSON.stringify({ type: "hello", token: process.env["HERALD_TOKEN"] }))
  socket.send(JSON.stringify({ type: "subscribe", payload: { id: "a", symbols, data_types: ["trade"] } }))
}
socket.onmessage = ({ data }) => {
  const { type, payload } = JSON.parse(String(data)) as Said
  if (type === "error") console.error(payload.problem?.detail)
  for (const { symbol, price, size } of payload.data ?? []) console.log(symbol, price, size)
}
socket.onerror = () => console.error("not connected: is Herald at", address)
socket.onclose = ({ reason }) => console.error("closed", reason)

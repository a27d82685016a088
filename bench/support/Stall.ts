/**
 * Loaded into a measured server: how long its event loop stood still, and what it holds, told on a socket of its own (`HERALD_BENCH_SOCKET`).
 * Each question begins anew: `{"stall": <longest, ms>, "heap": <bytes>, "resident": <bytes>}`. A question that ends with `collect` collects
 * garbage first, and does not count the stall of that.
 */
import { rmSync } from "node:fs"
import { createServer } from "node:net"
import { isMainThread } from "node:worker_threads"

/** Milliseconds between two looks. What is told is how much later than that the later look came. */
const EVERY = 5

let last = performance.now()
let longest = 0
const look = () => {
  const now = performance.now()
  longest = Math.max(longest, now - last - EVERY)
  last = now
}
setInterval(look, EVERY).unref()

const gc = (globalThis as { readonly gc?: () => void }).gc

/** Worker threads are loaded with it, too, and are not asked. */
if (isMainThread) {
  const socketFile = process.env["HERALD_BENCH_SOCKET"]!
  rmSync(socketFile, { force: true })

  createServer((socket) => {
    socket.on("error", () => {})
    socket.on("data", (bytes) => {
      look()
      const stall = longest
      if (String(bytes).endsWith("collect")) gc?.()
      const { heapUsed, external, rss } = process.memoryUsage()
      last = performance.now()
      longest = 0
      socket.end(JSON.stringify({ stall, heap: heapUsed + external, resident: rss }))
    })
  })
    .listen(socketFile)
    .unref()
}

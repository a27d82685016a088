/** Asks a server that runs with Stall.ts. */
import { connect } from "node:net"

export interface Stood {
  /** Milliseconds: the longest that the event loop stood still since the last question. */
  readonly stall: number
  /** Bytes of JavaScript objects and what they hold outside of the heap. */
  readonly heap: number
  readonly resident: number
}

/** Node's flags that load Stall.ts; the server needs HERALD_BENCH_SOCKET as well. */
export const probed = ["--expose-gc", "--import", new URL("./Stall.ts", import.meta.url).pathname]

export const ask = (socket: string, collect = false): Promise<Stood> =>
  new Promise((resolve, reject) => {
    let text = ""
    const client = connect(socket, () => client.write(collect ? "collect" : "tell"))
    client.on("data", (bytes) => {
      text += String(bytes)
    })
    client.on("error", reject)
    client.on("end", () => resolve(JSON.parse(text) as Stood))
  })

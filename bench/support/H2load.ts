/** Unary calls as fast as they are answered: by h2load (nghttp2) where it is installed, otherwise by a client of Node's. */
import { execFileSync, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { connect } from "node:http2"
import { join } from "node:path"

export interface Calls {
  readonly address: string
  readonly path: string
  readonly token: string
  /** A message with its prefix. */
  readonly body: Buffer
  readonly times: number
  /** For the file that h2load reads. */
  readonly folder: string
}

const CONNECTIONS = 8
const STREAMS = 16

export const hasH2load = (): boolean => spawnSync("h2load", ["--version"]).status === 0

const byH2load = ({ address, path, token, body, times, folder }: Calls): number => {
  const file = join(folder, "call")
  writeFileSync(file, body)
  const headers = ["content-type: application/grpc", "te: trailers", `authorization: Bearer ${token}`]
  const said = execFileSync("h2load", [
    ...["-n", String(times), "-c", String(CONNECTIONS), "-m", String(STREAMS), "-d", file],
    ...headers.flatMap((header) => ["-H", header]),
    `http://${address}${path}`
  ]).toString()
  return Number(/status codes: (\d+) 2xx/.exec(said)?.[1] ?? 0)
}

const byNode = async ({ address, path, token, body, times }: Calls): Promise<number> => {
  let [left, answered] = [times, 0]
  const work = async () => {
    const session = connect(`http://${address}`)
    const call = () =>
      new Promise<void>((resolve, reject) => {
        const stream = session.request({
          ...{ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" },
          authorization: `Bearer ${token}`
        })
        stream.on("trailers", (trailers) => {
          if (trailers["grpc-status"] === "0") answered++
        })
        stream.on("error", reject)
        stream.on("close", resolve)
        stream.resume()
        stream.end(body)
      })
    const one = async () => {
      while (left-- > 0) await call()
    }
    await Promise.all(Array.from({ length: STREAMS }, one))
    session.close()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
  return answered
}

/** How many of them were answered. */
export const calls = async (what: Calls): Promise<number> => (hasH2load() ? byH2load(what) : await byNode(what))

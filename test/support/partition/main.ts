/** Runs in a network namespace of its own: a server here, clients in a namespace at the other end of a cable that goes silent and heals. */
import { cpSync } from "node:fs"
import { newFolder } from "../folder.ts"
import { Link, spawnBeyond } from "../Namespace.ts"
import { Server } from "../Server.ts"
import { waitUntil } from "../waitUntil.ts"
import type { Told } from "./client.ts"

/** What fault 6 is judged by; times in milliseconds. */
export interface Partition {
  readonly clientNoticed: number
  readonly serverNoticed: number
  /** What the client served when it had noticed. */
  readonly during: Told
  /** What a client served that was started while nothing came through. */
  readonly started: Told
  /** From the healing until both clients had the newest, confirmed. */
  readonly healed: number
  /** What each had applied by then. */
  readonly seen: ReadonlyArray<ReadonlyArray<unknown>>
  /** What the server says of both at the end. */
  readonly states: ReadonlyArray<string>
}

const CLIENT = new URL("client.ts", import.meta.url)
const folder = newFolder()
const children: Array<ReturnType<typeof spawnBeyond>> = []
const server = new Server({ GRPC_HOST: "0.0.0.0", HERALD_INSECURE: "yes" })

const open = (instance: string, directory: string) => {
  const args = [`${Link.here}:${server.grpc.split(":")[1]}`, server.token, instance, directory]
  const child = spawnBeyond(CLIENT, args, children[0])
  children.push(child)
  const last: { told: Told | undefined } = { told: undefined }
  child.on("message", (told: Told) => (last.told = told))
  return { child, last }
}

try {
  await server.start()
  await server.publish("svc", 1)
  const first = open("i1", `${folder.path}/i1`)
  const link = new Link(first.child)
  first.child.send("go")
  const states = async (): Promise<ReadonlyArray<string>> =>
    (await server.call("GET", "/v1/clients?environment=production")).body.clients.map(
      ({ state }: { readonly state: string }) => state
    )
  await waitUntil("the client to be live", () => first.last.told?.state === "live" && first.last.told.value === 1)
  await waitUntil("the server to show it", async () => (await states())[0] === "connected")

  link.silence()
  const silent = performance.now()
  const since = () => performance.now() - silent
  for (const n of [2, 3]) if ((await server.publish("svc", n)).status !== 200) throw new Error(`publish ${n} failed`)
  cpSync(`${folder.path}/i1`, `${folder.path}/i2`, { recursive: true })
  const second = open("i2", `${folder.path}/i2`)
  second.child.send("go")
  const [clientNoticed, serverNoticed] = await Promise.all([
    waitUntil("the client to notice", () => first.last.told?.state !== "live" && since()),
    waitUntil("the server to notice", async () => (await states())[0] !== "connected" && since())
  ])
  const during = first.last.told!
  const started = await waitUntil("the client that starts alone", () => second.last.told)

  link.heal()
  const healing = performance.now()
  const newest = ({ last: { told } }: typeof first) =>
    told?.state === "live" && told.value === 3 && told.stale === false
  await waitUntil("both to have the newest", () => newest(first) && newest(second))
  const healed = performance.now() - healing
  const shown = await waitUntil("the server to show both", async () => {
    const all = await states()
    return all.length === 2 && all.every((one) => one === "connected") && all
  })
  const result: Partition = {
    clientNoticed,
    serverNoticed,
    during,
    started,
    healed,
    seen: [first.last.told!.seen, second.last.told!.seen],
    states: shown
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
} finally {
  for (const child of children) child.disconnect()
  await server[Symbol.asyncDispose]()
  folder.remove()
}

/** A client of the WebSocket `/v1/stream` that says what a test says, in either subprotocol. */

import {
  type ConfigUpdate,
  SubscribeRequest,
  UpdateKind
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import {
  StreamRequest as Request,
  StreamResponse as Response,
  type StreamRequest,
  type StreamResponse
} from "../../proto/generated/herald/distribution/v1/stream.ts"
import { waitUntil } from "./waitUntil.ts"

export type Form = "json" | "protobuf"
type Told = NonNullable<StreamResponse["told"]>
type Said = NonNullable<StreamRequest["said"]>

export class StreamClient {
  readonly socket: WebSocket
  readonly form: Form
  readonly told: Array<StreamResponse> = []
  /** In JSON, what went over the wire, both ways; but for what is said by `raw`. */
  readonly wire: { readonly said: Array<unknown>; readonly told: Array<unknown> } = { said: [], told: [] }
  closed: { readonly code: number; readonly reason: string } | undefined

  /** `token` undefined: it says no hello. `headers`: of the request that opens it. */
  constructor(
    url: string,
    token: string | undefined,
    { form = "json" as Form, headers = {} as Record<string, string>, named = true } = {}
  ) {
    this.form = form
    const protocols = named ? [`herald.v1.${form}`] : []
    this.socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/stream`, { protocols, headers } as never)
    this.socket.binaryType = "arraybuffer"
    this.socket.addEventListener("open", () => {
      if (token !== undefined) this.say({ $case: "hello", value: { token } })
    })
    this.socket.addEventListener("message", ({ data }) => {
      if (this.form === "json") this.wire.told.push(JSON.parse(String(data)))
      const told =
        this.form === "json" ? Response.fromJSON(JSON.parse(String(data))) : Response.decode(new Uint8Array(data))
      this.told.push(told)
    })
    this.socket.addEventListener("error", () => {})
    this.socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason }
    })
  }

  say(said: Said, id = 0): void {
    const message = { id, said }
    if (this.form === "json") this.wire.said.push(JSON.parse(JSON.stringify(Request.toJSON(message))))
    this.raw(this.form === "json" ? JSON.stringify(Request.toJSON(message)) : Request.encode(message).finish())
  }

  raw(message: string | Uint8Array): void {
    this.socket.send(message as string)
  }

  subscribe(first: Partial<SubscribeRequest> = {}): void {
    const its = { serviceName: "svc", instanceId: "i1", control: true, ...first }
    this.say({ $case: "subscribe", value: SubscribeRequest.fromPartial(its) })
  }

  async until<Name extends Told["$case"]>(name: Name, id = 0): Promise<Extract<Told, { $case: Name }>["value"]> {
    const found = await waitUntil(`a ${name}`, () => this.told.find((one) => one.told?.$case === name && one.id === id))
    return found.told!.value as never
  }

  get updates(): ReadonlyArray<ConfigUpdate> {
    return this.told.flatMap(({ told }) => (told?.$case === "update" ? [told.value] : []))
  }

  synced(): Promise<unknown> {
    return waitUntil("a sync", () => this.updates.some(({ kind }) => kind === UpdateKind.UPDATE_KIND_SYNCED))
  }

  /** The update that brings this content. */
  content(text: string): Promise<ConfigUpdate> {
    return waitUntil(`the content ${text}`, () =>
      this.updates.find(({ content, key }) => key !== "" && Buffer.from(content).toString() === text)
    )
  }

  ack(update: ConfigUpdate, reason?: string): void {
    const { key, revision, epoch } = update
    const ack = { key, revision, epoch, outcome: reason === undefined ? 1 : 2, reason: reason ?? "" } as const
    this.say({ $case: "subscribe", value: SubscribeRequest.fromPartial({ acks: [ack] }) })
  }

  ended(): Promise<{ readonly code: number; readonly reason: string }> {
    return waitUntil("the end of a stream", () => this.closed)
  }

  close(): void {
    this.socket.close()
  }
}

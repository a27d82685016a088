/**
 * Clients of a fleet, in a process of their own, made of the .proto file alone. Each does what the value says that it was sent, comes back
 * by itself when its connection ends, keeps all that it was ever sent, and says itself whether it may have had it (Allowed.ts).
 */
import * as grpc from "@grpc/grpc-js"
import { type Sent, type Truth, wrongIn } from "./Allowed.ts"
import { DistributionService, type Update } from "./Subscriber.ts"

export interface Spec {
  readonly instance: string
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly keys: ReadonlyArray<string>
}

/** What a value says of what is done with it: applied and said so unless it says otherwise. */
export type Deed = "apply" | "reject" | "wait" | "unhealthy"

/** To this process. `of`: instances; all when left out. */
export type Order =
  | {
      readonly order: "open"
      readonly addresses: ReadonlyArray<string>
      readonly token: string
      readonly specs: ReadonlyArray<Spec>
    }
  /** What waits for an answer is answered. */
  | { readonly order: "answer"; readonly key: string; readonly applied: boolean; readonly of?: ReadonlyArray<string> }
  /** At the revision of what is held of `key`, less `late`, so many times. */
  | {
      readonly order: "report"
      readonly key: string
      readonly health: "HEALTHY" | "UNHEALTHY"
      readonly late?: number
      readonly times?: number
      readonly of?: ReadonlyArray<string>
      readonly token?: string
    }
  /** Leaves the connection and makes another: with what is held or without, or while the old one is still there. */
  | { readonly order: "again"; readonly how: "resume" | "anew" | "take over"; readonly of?: ReadonlyArray<string> }
  | { readonly order: "judge"; readonly truths: ReadonlyArray<Truth> }

/** From this process. */
export type Told =
  | { readonly told: "update"; readonly instance: string; readonly update: Update; readonly at: number }
  | { readonly told: "synced" | "ended"; readonly instance: string; readonly at: number }
  | { readonly told: "done"; readonly ask: number; readonly answer: unknown }

const BACK = 100
const HEARTBEAT = 5_000

const tell = (told: Told) => void process.send!(told)

class Client {
  readonly #spec: Spec
  readonly #addresses: ReadonlyArray<string>
  readonly #metadata = new grpc.Metadata()
  readonly connections: Array<Sent & { readonly updates: Array<Update> }> = []
  readonly #held = new Map<string, Update & { readonly digest: string }>()
  #position = { epoch: "", revision: 0 }
  readonly #waiting = new Map<string, Update>()
  // biome-ignore lint/suspicious/noExplicitAny: made at run time from the .proto file
  #stream: any
  // biome-ignore lint/suspicious/noExplicitAny: made at run time from the .proto file
  #channel: any
  #next = 0

  constructor(spec: Spec, addresses: ReadonlyArray<string>, token: string) {
    this.#spec = spec
    this.#addresses = addresses
    this.#metadata.set("authorization", `Bearer ${token}`)
    this.#next = Math.floor(Math.random() * addresses.length)
    this.connect(false)
  }

  get instance(): string {
    return this.#spec.instance
  }

  connect(resumed: boolean): void {
    const { instance, labels = {}, keys } = this.#spec
    const address = this.#addresses[this.#next++ % this.#addresses.length]!
    const sent = { instance, labels, resumed, updates: [] as Array<Update> }
    if (!resumed) this.#held.clear()
    this.connections.push(sent)
    this.#channel?.close()
    const channel = new DistributionService(address, grpc.credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1
    })
    const stream = channel.subscribe(this.#metadata)
    this.#channel = channel
    this.#stream = stream
    stream.on("data", (update: Update & { readonly digest: string }) => this.#take(update, stream, sent.updates))
    let over = false
    const ends = () => {
      if (over) return
      over = true
      channel.close()
      tell({ told: "ended", instance, at: Date.now() })
      if (this.#stream === stream) setTimeout(() => this.#stream === stream && this.connect(true), BACK)
    }
    for (const event of ["error", "end", "close"]) stream.on(event, ends)
    stream.write({
      service_name: "svc",
      instance_id: instance,
      environment: "production",
      keys,
      metadata: labels,
      control: true,
      ...(this.#position.epoch === "" || !resumed ? {} : { position: this.#position }),
      held: [...this.#held.values()].map(({ key, digest, revision }) => ({ key, digest, revision }))
    })
  }

  #take(message: Update & { readonly digest: string }, stream: unknown, updates: Array<Update>): void {
    const { kind, key, revision, epoch, version } = message
    const at = Date.now()
    if (kind === "UPDATE_KIND_SYNCED") tell({ told: "synced", instance: this.instance, at })
    if (kind === "UPDATE_KIND_SYNCED" || kind === "UPDATE_KIND_HEARTBEAT") {
      if (revision > 0) this.#position = { epoch, revision }
      return
    }
    if (kind !== "UPDATE_KIND_VALUE" && kind !== "UPDATE_KIND_DELETED") return
    const update = { ...message, content: String(message.content) }
    updates.push(update)
    tell({
      told: "update",
      instance: this.instance,
      update: { kind, key, version, revision, epoch, content: update.content, stale: false },
      at
    })
    if (this.#stream !== stream) return
    const deed = kind === "UPDATE_KIND_VALUE" ? (JSON.parse(update.content).do as Deed | undefined) : undefined
    if (deed === "wait") return void this.#waiting.set(key, update)
    this.#waiting.delete(key)
    this.answer(update, deed !== "reject")
    if (deed === "unhealthy") this.report({ key, health: "UNHEALTHY" })
  }

  answer(update: Update, applied: boolean): void {
    const { key, revision, epoch } = update
    if (applied) this.#held.set(key, update as Update & { readonly digest: string })
    const outcome = applied ? "ACK_OUTCOME_APPLIED" : "ACK_OUTCOME_REJECTED"
    this.#stream.write({ acks: [{ key, revision, epoch, outcome, reason: applied ? "" : "it is not for me" }] })
  }

  answerWaiting(key: string, applied: boolean): void {
    const update = this.#waiting.get(key)
    this.#waiting.delete(key)
    if (update !== undefined) this.answer(update, applied)
  }

  report(report: {
    readonly key: string
    readonly health: string
    readonly late?: number
    readonly token?: string
  }): Promise<string> {
    const { key, health, late = 0, token } = report
    const held = this.#held.get(key)
    const metadata = token === undefined ? this.#metadata : new grpc.Metadata()
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`)
    const request = {
      service_name: "svc",
      instance_id: this.instance,
      environment: "production",
      revision: Math.max(0, (held?.revision ?? 0) - late),
      epoch: held?.epoch ?? "",
      health: `HEALTH_${health}`,
      message: "as I was told"
    }
    return new Promise((resolve) =>
      this.#channel.reportHealth(request, metadata, (error: grpc.ServiceError | null, answer: { accepted: boolean }) =>
        resolve(error === null ? (answer.accepted ? "taken" : "left") : String(error.code))
      )
    )
  }

  again(how: "resume" | "anew" | "take over"): void {
    const [stream, channel] = [this.#stream, this.#channel]
    this.#stream = undefined
    if (how === "take over") this.#channel = undefined
    this.connect(how !== "anew")
    if (how === "take over") return
    stream.cancel()
    channel.close()
  }

  beat(): void {
    this.#stream?.write({ heartbeat: true })
  }
}

const clients = new Map<string, Client>()
setInterval(() => {
  for (const client of clients.values()) client.beat()
}, HEARTBEAT).unref()

const obey = async (order: Order): Promise<unknown> => {
  const chosen = () =>
    "of" in order && order.of !== undefined
      ? order.of.flatMap((instance) => clients.get(instance) ?? [])
      : [...clients.values()]
  switch (order.order) {
    case "open":
      for (const spec of order.specs) clients.set(spec.instance, new Client(spec, order.addresses, order.token))
      return undefined
    case "answer":
      for (const client of chosen()) client.answerWaiting(order.key, order.applied)
      return undefined
    case "report": {
      const said: Record<string, number> = {}
      for (let n = 0; n < (order.times ?? 1); n++)
        for (const answer of await Promise.all(chosen().map((client) => client.report(order))))
          said[answer] = (said[answer] ?? 0) + 1
      return said
    }
    case "again":
      for (const client of chosen()) client.again(order.how)
      return undefined
    case "judge":
      return [...clients.values()].flatMap(({ connections }) => wrongIn(connections, order.truths))
  }
}

process.on("message", async ({ ask, ...order }: Order & { readonly ask: number }) => {
  tell({ told: "done", ask, answer: await obey(order as Order) })
})
process.once("disconnect", () => process.exit())

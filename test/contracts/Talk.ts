/** A node that a conversation is held with, one stream to it, and what was said on it. */
import { afterEach } from "@effect/vitest"
import {
  type Ack,
  AckOutcome,
  type ConfigUpdate,
  SubscribeRequest,
  UpdateKind
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Ended, Stream, Transport } from "../../src/client/Transport.ts"
import { waitUntil } from "../support/waitUntil.ts"

export interface Recorded {
  readonly key: string
  readonly revision: bigint
  readonly applied: boolean
  readonly reason: string
}

/** A node that a test may do everything with. Content is JSON text unless it is a template. */
export interface Node {
  readonly transport: (token?: string) => Transport
  /** Answers its revision. */
  readonly publish: (
    key: string,
    content: string | undefined,
    more?: { readonly strict?: boolean; readonly format?: string }
  ) => Promise<bigint>
  readonly become: (unsure: boolean) => Promise<void>
  readonly drain: () => Promise<void>
  readonly recorded: (instance: string) => Promise<ReadonlyArray<Recorded>>
  readonly close: () => Promise<void>
}

export class Talk {
  readonly got: Array<ConfigUpdate> = []
  ended: Ended | undefined
  readonly stream: Stream

  constructor(transport: Transport, first: Partial<SubscribeRequest>) {
    this.stream = transport.open(
      SubscribeRequest.fromPartial({ serviceName: "svc", instanceId: "i1", control: true, ...first }),
      {
        message: (update) => this.got.push(update),
        writable: () => {},
        ended: (ended) => {
          this.ended = ended
        }
      }
    )
  }

  say(request: Partial<SubscribeRequest>): void {
    this.stream.send(SubscribeRequest.fromPartial(request))
  }

  ack(update: ConfigUpdate | undefined, more: Partial<Ack> = {}): void {
    const { key = "", revision = 0n, epoch = "" } = update ?? {}
    this.say({ acks: [{ key, revision, epoch, outcome: AckOutcome.ACK_OUTCOME_APPLIED, reason: "", ...more }] })
  }

  of(kind: UpdateKind): ReadonlyArray<ConfigUpdate> {
    return this.got.filter((update) => update.kind === kind)
  }

  /** Key and content, in the order in which they came; null for a deletion. */
  get values(): ReadonlyArray<readonly [string, string | null]> {
    return this.got
      .filter(({ kind }) => kind === UpdateKind.UPDATE_KIND_VALUE || kind === UpdateKind.UPDATE_KIND_DELETED)
      .map(({ key, kind, content }) => [
        key,
        kind === UpdateKind.UPDATE_KIND_DELETED ? null : Buffer.from(content).toString()
      ])
  }

  last(key: string): ConfigUpdate | undefined {
    return this.got.findLast((update) => update.key === key)
  }

  synced(): Promise<ConfigUpdate> {
    return waitUntil("a sync", () => this.of(UpdateKind.UPDATE_KIND_SYNCED)[0])
  }

  has(key: string, content: string | null): Promise<true> {
    return waitUntil(`${key} to be ${content}`, () =>
      this.values.some(([of, text]) => of === key && text === content) ? (true as const) : undefined
    )
  }

  end(): Promise<Ended> {
    return waitUntil("the end of a stream", () => this.ended)
  }
}

/** Starts a node, and streams to it; all of them end with the test. */
export const talking = (start: () => Promise<Node>) => {
  let nodes: Array<Node> = []
  let talks: Array<Talk> = []
  afterEach(async () => {
    for (const { stream } of talks) stream.drop()
    for (const node of nodes) await node.close()
    nodes = []
    talks = []
  })
  return async () => {
    const node = await start()
    nodes.push(node)
    const talk = (first: Partial<SubscribeRequest> = {}, token?: string) => {
      const made = new Talk(node.transport(token), first)
      talks.push(made)
      return made
    }
    return { node, talk }
  }
}

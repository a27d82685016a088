/** The SDK's fake node and the real one, over gRPC on memory twins, say the same. */

import { Effect, Layer, ManagedRuntime } from "effect"
import { GrpcServer } from "../../layers/Grpc/GrpcServer.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { AckOutcome } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { GrpcTransport } from "../../src/client/GrpcTransport.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { FlagStreams } from "../../src/flags/FlagStreams.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { OpenFlags } from "../../src/flags/OpenFlags.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { grpc } from "../../src/node/Node.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { HealthReports } from "../../src/sessions/HealthReports.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { FakeNode } from "../support/FakeNode.ts"
import { publish } from "../support/Release.ts"
import * as Twins from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { conversations } from "./Conversations.ts"
import type { Node } from "./Talk.ts"

conversations("the fake node", async (): Promise<Node> => {
  const node = new FakeNode()
  return {
    transport: (token) => node.transport(token ?? node.token),
    publish: async (key, content, more) => node.publish(key, content, more),
    become: async (unsure) => node.become(unsure),
    drain: async () => node.drain(1),
    recorded: async (instance) =>
      node.acks
        .filter((ack) => ack.instance === instance)
        .map(({ key, revision, outcome, reason }) => ({
          key,
          revision,
          applied: outcome === AckOutcome.ACK_OUTCOME_APPLIED,
          reason
        })),
    close: async () => node.cut()
  }
})

/** The real node; its database goes away when a test says so. */
const start = async (): Promise<Node> => {
  let away = false
  const guarded = Layer.effect(
    RevisionLog,
    Effect.map(RevisionLog, (log) => {
      const there = <A>(effect: Effect.Effect<A, ReturnType<typeof failure>>) =>
        Effect.suspend(() => (away ? Effect.fail(failure("DatabaseUnavailable", "away")) : effect))
      return RevisionLog.of({
        ...log,
        head: there(log.head),
        horizon: there(log.horizon),
        after: (revision, limit) => there(log.after(revision, limit))
      })
    })
  )
  const stores = guarded.pipe(Layer.provideMerge(Memory.layer))
  const services = Twins.sessions({ drainSpread: "1 second" }).pipe(
    Layer.provideMerge(Twins.access),
    Layer.provideMerge(Twins.propagation({ pollInterval: "50 millis", staleAfter: "1 second" })),
    Layer.provideMerge(Twins.below(stores, { cacheBytes: 10_000_000 }))
  )
  const door = { host: "127.0.0.1", port: 0, maxStreams: 100 }
  const runtime = ManagedRuntime.make(
    GrpcServer.layer(door, grpc).pipe(
      Layer.provideMerge(
        Layer.mergeAll(
          HealthReports.layer("principal"),
          Configurations.layer,
          Flags.layer,
          FlagStreams.layer({ streams: 100 }),
          OpenFlags.layer({ anonymous: [], near: false, anonymousPerSecond: 100, origins: [], shared: () => false }),
          Twins.reports,
          Twins.topics
        )
      ),
      Layer.provideMerge(services)
    )
  )
  const { port } = await runtime.runPromise(GrpcServer)
  const make = Effect.flatMap(Access, (service) =>
    service.createKey({ name: "test", role: "admin", environments: ["*"], expiresAt: null })
  )
  const { token } = await runtime.runPromise(Effect.provideService(make, CurrentIdentity, system))
  const propagation = await runtime.runPromise(Propagation)
  const transports: Array<GrpcTransport> = []
  return {
    transport: (given) => {
      const transport = new GrpcTransport({ address: `127.0.0.1:${port}`, token: given ?? token })
      transports.push(transport)
      return transport
    },
    publish: (key, content, { strict = false, format = "json" } = {}) =>
      runtime
        .runPromise(publish({ key, value: content ?? null, strict, valueType: format as "json" }))
        .then(({ revision }) => revision),
    become: async (unsure) => {
      away = unsure
      await waitUntil("the node to notice", () => propagation.stale() === unsure)
    },
    drain: () => runtime.runPromise(Effect.flatMap(Sessions, (sessions) => sessions.drain)),
    recorded: async (instance) => {
      const list = Effect.flatMap(InstanceStore, (store) => store.list({ limit: 100, keys: 100 }))
      const rows = await runtime.runPromise(list)
      const keys = rows.find((row) => row.instance === instance)?.keys ?? []
      return keys.flatMap(({ key, applied, rejected }) => [
        ...(applied === undefined ? [] : [{ key, revision: applied.revision, applied: true, reason: "" }]),
        ...(rejected === undefined
          ? []
          : [{ key, revision: rejected.revision, applied: false, reason: rejected.reason }])
      ])
    },
    close: async () => {
      for (const transport of transports) transport.close()
      await runtime.dispose()
    }
  }
}

conversations("the real node", start)

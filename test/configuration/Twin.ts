import { Effect, Layer } from "effect"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Cache } from "../../src/propagation/Cache.ts"
import type { Revision } from "../../src/propagation/Revision.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"

const make = () => {
  const log: Array<Revision> = []
  const all = new Map<string, Array<Configuration>>()
  const idem = new Map<string, { d: string; r: Revision }>()
  const of = (e: string, k: string) => all.get(`${e}/${k}`) ?? []
  return Layer.mergeAll(
    Layer.mock(ConfigurationStore, {
      commit: (r) =>
        Effect.yieldNow.pipe(
          Effect.andThen(
            Effect.suspend(() => {
              if (r.idempotency) {
                const known = idem.get(r.idempotency.key)
                if (known)
                  return known.d === r.idempotency.digest
                    ? Effect.succeed({ revision: known.r, replayed: true })
                    : Effect.fail(failure("IdempotencyConflict", "x"))
              }
              for (const c of r.changes) {
                const cur = of(c.environment, c.key).at(-1)
                const v = cur === undefined ? 0 : cur.deleted && c.expectedVersion === 0 ? 0 : cur.version
                if (c.expectedVersion !== undefined && c.expectedVersion !== v)
                  return Effect.fail(
                    failure("VersionConflict", "x", {
                      details: { key: c.key, expected: c.expectedVersion, current: v }
                    })
                  )
                if (c.value === null && (!cur || cur.deleted)) return Effect.fail(failure("NotFound", "x"))
              }
              const revision = BigInt(log.length + 1)
              const changes = r.changes.map((c) => {
                const list = of(c.environment, c.key)
                const conf: Configuration = {
                  key: c.key,
                  environment: c.environment,
                  version: list.length + 1,
                  revision,
                  value: c.value ?? "",
                  valueType: c.valueType,
                  deleted: c.value === null,
                  schema: c.schema,
                  strict: c.strict,
                  template: c.template,
                  digest: c.digest,
                  createdAt: 0,
                  updatedAt: 0,
                  updatedBy: r.actor,
                  changeLog: c.changeLog
                }
                all.set(`${c.environment}/${c.key}`, [...list, conf])
                return conf
              })
              const rev: Revision = {
                epoch: "e",
                revision,
                changes,
                traceparent: r.traceparent,
                actor: r.actor,
                message: r.message,
                committedAt: 0
              }
              log.push(rev)
              if (r.idempotency) idem.set(r.idempotency.key, { d: r.idempotency.digest, r: rev })
              return Effect.succeed({ revision: rev, replayed: false })
            })
          )
        ),
      current: (e, k) => Effect.sync(() => of(e, k).at(-1)),
      version: (e, k, v) => Effect.sync(() => of(e, k)[v - 1]),
      history: (e, k, o) =>
        Effect.sync(() =>
          of(e, k)
            .filter((c) => o.before === undefined || c.version < o.before)
            .reverse()
            .slice(0, o.limit)
        ),
      heads: Effect.sync(() => ({ revision: BigInt(log.length), heads: [...all.values()].map((l) => l.at(-1)!) }))
    }),
    Layer.mock(RevisionLog, {
      head: Effect.sync(() => ({ epoch: "e", revision: BigInt(log.length) })),
      after: (r, n) => Effect.sync(() => log.slice(Number(r), Number(r) + n)),
      hints: () => Effect.void
    })
  )
}
export const layer = Layer.unwrap(Effect.sync(make))
export const layerCache = (_: unknown) => {
  const m = new Map<string, Configuration>()
  return Layer.succeed(Cache, {
    get: (e: string, k: string) => Effect.sync(() => m.get(`${e}/${k}`)),
    setIfNewer: (c: Configuration) =>
      Effect.sync(() => {
        const i = `${c.environment}/${c.key}`
        const o = m.get(i)
        if (!o || o.revision < c.revision) m.set(i, c)
      }),
    clear: Effect.sync(() => m.clear())
  })
}

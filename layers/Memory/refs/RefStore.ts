/** RefStore over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import { KEPT_MILLIS, type Ref, SCANS, type Scan, type Source } from "../../../src/refs/Ref.ts"
import { RefStore } from "../../../src/refs/RefStore.ts"
import { State } from "../State.ts"

interface Kept {
  readonly scan: Scan
  readonly refs: ReadonlyArray<Ref>
}

class RefTables {
  readonly scans = new Map<string, Kept>()
}

const idOf = (environment: string, { repository, branch }: Omit<Source, "commit">) =>
  `${environment}\u0000${repository}\u0000${branch}`

export const layer = Layer.effect(
  RefStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const { scans } = (yield* State.service).tables(RefTables)
    const shown = (environment: string) =>
      [...scans]
        .filter(
          ([, { scan }]) => scan.environment === environment && scan.at > clock.currentTimeMillisUnsafe() - KEPT_MILLIS
        )
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, kept]) => kept)
    return RefStore.of({
      replace: (environment, source, by, refs) =>
        Effect.suspend(() => {
          const at = clock.currentTimeMillisUnsafe()
          const id = idOf(environment, source)
          for (const [old, { scan }] of scans) if (scan.at <= at - KEPT_MILLIS) scans.delete(old)
          if (!scans.has(id) && shown(environment).length >= SCANS)
            return Effect.fail(failure("ScansFull", `${environment} has the places of ${SCANS} branches already`))
          const scan: Scan = { ...source, environment, by, at, refs: refs.length }
          scans.set(id, { scan, refs })
          return Effect.succeed(scan)
        }),
      remove: (environment, source) => Effect.sync(() => scans.delete(idOf(environment, source))),
      of: (environment, flag, limit) =>
        Effect.sync(() =>
          shown(environment)
            .flatMap(({ scan: { repository, branch, commit, at }, refs }) =>
              refs
                .filter((ref) => ref.flag === flag)
                .toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line))
                .map((ref) => ({ ...ref, repository, branch, commit, at }))
            )
            .slice(0, limit)
        ),
      scans: (environment) => Effect.sync(() => shown(environment).map(({ scan }) => scan))
    })
  })
)

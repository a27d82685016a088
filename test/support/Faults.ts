/** Memory twins whose log and store fail, hang or lose hints when a test wants that. */
import { Context, Effect, Latch, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"

/** What is wrong with the database. */
export class Faults {
  readonly state = new State()
  fails = false
  /** Closed: questions wait. */
  readonly gate = Latch.makeUnsafe(true)
  /** Closed: reads of current values wait. */
  readonly values = Latch.makeUnsafe(true)
  /** Closed: pages of heads wait. */
  readonly pages = Latch.makeUnsafe(true)
  /** Closed: questions for the horizon wait. */
  readonly horizons = Latch.makeUnsafe(true)
  /** The log has nothing, whatever its head says. */
  emptyLog = false
  /** What happens elsewhere after each page of heads. */
  afterPage: () => Effect.Effect<unknown, HeraldError> = () => Effect.void
  /** Reads of current values. */
  loads = 0
  /** Keys of each question for values that clients are due. */
  readonly questions: Array<number> = []
  /** Questions for the newest revision. */
  polls = 0

  through<A>(answer: Effect.Effect<A, HeraldError>): Effect.Effect<A, HeraldError> {
    return Effect.suspend(() =>
      this.fails
        ? Effect.fail(failure("DatabaseUnavailable", "it is away"))
        : Effect.andThen(answer, (found) => Effect.as(this.gate.await, found))
    )
  }

  /** As after a restore of a backup that was made at `revision`. */
  restore(revision: number): void {
    const { state } = this
    state.revisions.splice(revision)
    for (const [id, versions] of state.versions) {
      const kept = versions.filter((one) => one.revision <= revision)
      if (kept.length === 0) state.versions.delete(id)
      else state.versions.set(id, kept)
    }
    Object.assign(state, { epoch: "restored" })
  }

  /** The retention takes the oldest revisions. */
  sweep(howMany: number): void {
    this.state.revisions.splice(0, howMany)
    this.state.swept += howMany
  }

  /** The stores; hints of other writers are lost unless `hints`. */
  layer(hints: boolean) {
    const wrapped = Layer.effectContext(
      Effect.gen({ self: this }, function* () {
        const store = yield* ConfigurationStore
        const log = yield* RevisionLog
        const read = <A>(keys: number, values: Effect.Effect<A, HeraldError>) =>
          Effect.suspend(() => {
            this.loads += keys
            return Effect.tap(this.through(values), () => this.values.await)
          })
        return Context.make(
          ConfigurationStore,
          ConfigurationStore.of({
            ...store,
            current: (...of) => read(1, store.current(...of)),
            currents: (keys, atLeast) => {
              this.questions.push(keys.length)
              return read(keys.length, store.currents(keys, atLeast))
            },
            heads: (...page) =>
              Effect.andThen(
                this.pages.await,
                Effect.tap(this.through(store.heads(...page)), () => this.afterPage())
              )
          })
        ).pipe(
          Context.add(
            RevisionLog,
            RevisionLog.of({
              ...log,
              head: Effect.suspend(() => {
                this.polls++
                return this.through(log.head)
              }),
              after: (revision, limit) =>
                this.through(Effect.map(log.after(revision, limit), (page) => (this.emptyLog ? [] : page))),
              horizon: Effect.tap(log.horizon, () => this.horizons.await),
              hints: hints ? log.hints : () => Effect.void
            })
          )
        )
      })
    )
    return wrapped.pipe(Layer.provideMerge(Memory.layerOn(this.state)))
  }
}

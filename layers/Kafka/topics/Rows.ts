/**
 * Rows of topics, as of at most a second ago, that are asked for together (KQ5) and once for all who ask meanwhile.
 *
 *   KQ7  A topic is said not to be there by a question that was about it, and by no other, wherever the turns of those who ask end.
 */
import { Deferred, Effect } from "effect"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { LogState, LogTopic } from "../../../src/topics/LogState.ts"
import { Fresh } from "./Fresh.ts"

/** Topics of one question. */
const PAGE = 1_000

interface Question {
  /** What it is about. KQ7 */
  readonly ids: ReadonlySet<number>
  readonly found: Deferred.Deferred<ReadonlyMap<number, LogTopic>, HeraldError>
  /** Those that changed since it was asked. */
  readonly changed: Set<number>
}

export interface RowsOptions {
  readonly state: Pick<LogState["Service"], "topics">
  readonly now: () => number
}

export class Rows {
  readonly #of: RowsOptions
  readonly #rows = new Fresh<LogTopic | undefined>()
  /** Those that are under way, by topic. */
  readonly #asked = new Map<number, Question>()

  constructor(of: RowsOptions) {
    this.#of = of
  }

  /** It may have changed. */
  forget(id: number): void {
    this.#rows.delete(id)
    this.#asked.get(id)?.changed.add(id)
    this.#asked.delete(id)
  }

  /** Undefined: there is none (any more). Fails as `LogState`. */
  topic(id: number): Effect.Effect<LogTopic | undefined, HeraldError> {
    return Effect.suspend(() => {
      const now = this.#of.now()
      const held = this.#rows.get(id, now)
      if (held !== undefined) return Effect.succeed(held.value)
      const asked = this.#asked.get(id)
      const question = asked === undefined ? this.#ask([id, ...this.#rows.along(now)]) : Effect.succeed(asked)
      return Effect.flatMap(question, ({ ids, found, changed }) =>
        Effect.flatMap(Deferred.await(found), (all) =>
          changed.has(id) || !ids.has(id) ? this.topic(id) : Effect.succeed(all.get(id))
        )
      )
    })
  }

  /** Asks for all of these that are not known, so that nobody asks for each. */
  prepare(ids: ReadonlyArray<number>): Effect.Effect<void, HeraldError> {
    return Effect.suspend(() => {
      const now = this.#of.now()
      const old = ids.filter((id) => this.#rows.get(id, now) === undefined && !this.#asked.has(id))
      const pages = Array.from({ length: Math.ceil(old.length / PAGE) }, (_, n) => old.slice(n * PAGE, (n + 1) * PAGE))
      return Effect.forEach(pages, (page) => Effect.flatMap(this.#ask(page), ({ found }) => Deferred.await(found)), {
        discard: true
      })
    })
  }

  /** Goes on when whoever asked is interrupted: others wait for it, too. It may be about fewer, as others may have asked only just. KQ7 */
  #ask(ids: ReadonlyArray<number>): Effect.Effect<Question> {
    return Effect.suspend(() => {
      const mine = [...new Set(ids)].filter((id) => !this.#asked.has(id))
      const held = this.#asked.get(ids[0]!)
      if (mine.length === 0 && held !== undefined) return Effect.succeed(held)
      const question: Question = { ids: new Set(mine), found: Deferred.makeUnsafe(), changed: new Set() }
      const at = this.#of.now()
      for (const id of mine) this.#asked.set(id, question)
      const asking = Effect.tap(this.#of.state.topics(mine), (all) =>
        Effect.sync(() => {
          for (const id of mine) if (!question.changed.has(id)) this.#rows.set(id, all.get(id), at)
        })
      ).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            for (const id of mine) if (this.#asked.get(id) === question) this.#asked.delete(id)
          })
        ),
        Effect.onExit((exit) => Deferred.done(question.found, exit))
      )
      return Effect.as(Effect.forkDetach(asking, { startImmediately: true }), question)
    })
  }
}

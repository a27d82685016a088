/**
 * A store of rollouts and of what is known of them, as simple as its rules can be written, and nodes on it: what owners and the machine are tested on.
 * The rules are those of RQ1 and RQ4; of stores that are used, the contract suites hold them.
 */
import { Clock, Effect, Layer } from "effect"
import * as Digest from "../../layers/Crypto/values/Digest.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { Conflict } from "../../src/commits/Conflict.ts"
import type { Committed, Release, Wish } from "../../src/commits/Release.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { ExperimentStore } from "../../src/experiments/ExperimentStore.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import type { Answer, Question } from "../../src/owners/External.ts"
import { Probe } from "../../src/owners/Probe.ts"
import type { Freeze } from "../../src/plans/Windows.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change, Revision } from "../../src/propagation/Revision.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { Counts, Evidence } from "../../src/rollouts/Evidence.ts"
import { type Connected, EvidenceStore } from "../../src/rollouts/EvidenceStore.ts"
import { Policies } from "../../src/rollouts/Policies.ts"
import { isOver, type Rollout } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { RolloutView } from "../../src/rollouts/RolloutView.ts"
import { edges } from "../../src/rollouts/Step.ts"
import type { MoveWish } from "../../src/rollouts/Wish.ts"
import { counts, rollout } from "../support/Rollouts.ts"

/** A rollout as the store has it, with what is known of it. */
export interface Kept {
  rollout: Rollout
  /** Every version that there was. */
  readonly history: Array<Rollout>
  fence: bigint
  known: Omit<Evidence, "now">
  /** Counts what was written of it. */
  changes: bigint
}

export class World {
  readonly all = new Map<string, Kept>()
  readonly revisions: Array<Revision> = []
  /** What was refused, and why. */
  readonly refusals: Array<string> = []
  readonly questions: Array<Question> = []
  readonly listeners = new Set<(changed: Rollout | undefined) => void>()
  /** Why the database does not answer; undefined: it does. */
  away: HeraldError | undefined
  /** Milliseconds by which its clock is ahead. */
  ahead = 0
  /** How often evidence was read, and asked for news of. */
  reads = 0
  looks = 0
  population: ReadonlyArray<Connected> = []
  freezes: ReadonlyArray<Freeze> = []
  answer: Answer = { kind: "answered", status: 200, body: '{"verdict":"good"}' }
  /** What else a release is refused for. */
  refuses: ((release: Release) => HeraldError | undefined) | undefined
  /** What the view knows is as old as that; undefined: as the store. */
  shown: Rollout | undefined

  /** Begins one, as a person does. */
  add(more: Partial<Rollout> = {}): Kept {
    const one = rollout({ state: "scheduled", stage: -1, begun: [], version: 1, ...more })
    const known = { counts: counts(), complete: true, bad: 0n, examples: [], metrics: {} }
    const kept: Kept = { rollout: one, history: [one], fence: 0n, known, changes: 0n }
    this.all.set(`${one.environment}/${one.key}`, kept)
    this.tell(one)
    return kept
  }

  tell(changed: Rollout | undefined): void {
    for (const listener of this.listeners) listener(changed)
  }

  /** Says what is known of its instances, so that owners hear of it. */
  report(kept: Kept, of: Partial<Counts>, more: Partial<Evidence> = {}): void {
    const next = counts(of)
    const before = kept.known.counts
    const worse = (["unhealthy", "rejected", "lost"] as const).some((name) => next[name] > before[name])
    kept.known = { ...kept.known, counts: next, bad: kept.known.bad + (worse ? 1n : 0n), ...more }
    kept.changes++
  }

  now = Effect.map(Clock.currentTimeMillis, (millis) => millis + this.ahead)

  readonly #asked = <A>(what: (now: number) => A): Effect.Effect<A, HeraldError> =>
    Effect.flatMap(this.now, (now) => (this.away === undefined ? Effect.sync(() => what(now)) : Effect.fail(this.away)))

  /** What is wrong with a move: the rules under the lock. */
  problemOf(wish: MoveWish, now: number, changes: ReadonlyArray<Wish>): string | undefined {
    const kept = this.all.get(`${wish.environment}/${wish.key}`)
    if (kept === undefined) return "there is none"
    const { state, stage, version, until, targets, begun } = kept.rollout
    if (isOver(state)) return "it is over"
    if (version !== wish.expectedVersion) return `it is at version ${version}`
    if (wish.fence !== null && wish.fence !== kept.fence) return "somebody else decides on it"
    if (wish.due && (until === null || now < until)) return "it is not due"
    if (wish.bad !== null && wish.bad !== kept.known.bad) return "something became bad"
    const by = wish.fence === null ? "person" : "herald"
    if (!edges.some((edge) => edge.from === state && edge.to === wish.to && edge.by === by)) {
      return `from ${state} to ${wish.to} goes nothing`
    }
    const begins = wish.below !== null
    if (begins ? wish.stage !== stage + 1 || wish.to !== "deploying" : wish.stage !== stage) return "it skips a stage"
    if (begins && begun.length !== wish.stage) return "its stage was begun"
    const promoted = changes.filter(({ kind }) => kind !== "rollout")
    return promoted.length === (wish.to === "completed" ? targets.length : 0) ? undefined : "its candidates are missing"
  }

  #move(wish: MoveWish, now: number, revision: bigint, actor: string): Rollout {
    const kept = this.all.get(`${wish.environment}/${wish.key}`)!
    const { to: state, stage, below, lasts, why } = wish
    const { begun } = kept.rollout
    const moved: Rollout = {
      ...kept.rollout,
      version: kept.rollout.version + 1,
      revision,
      state,
      stage,
      begun: below === null ? begun : [...begun, { revision, at: now, below }],
      until: lasts === null ? null : now + lasts,
      why,
      by: actor,
      at: now
    }
    kept.rollout = moved
    // Those that the stage adds have nothing yet.
    if (below !== null) kept.known = { ...kept.known, counts: { ...kept.known.counts, offered: 5 } }
    kept.history.push(moved)
    return moved
  }

  commit = <C extends Change>(release: Release<C>): Effect.Effect<Committed<C>, HeraldError> =>
    Effect.flatten(
      this.#asked((now): Effect.Effect<Committed<C>, HeraldError> => {
        const wishes = release.changes as ReadonlyArray<Wish>
        const wish = wishes.find((one) => one.kind === "rollout") as MoveWish
        const other = this.refuses?.(release as Release)
        if (other !== undefined) return Effect.fail(other)
        const problem = this.problemOf(wish, now, wishes)
        if (problem !== undefined) {
          this.refusals.push(problem)
          return Effect.fail(new Conflict({ name: "VersionConflict", message: problem }))
        }
        const number = BigInt(100 + this.revisions.length)
        const moved = this.#move(wish, now, number, release.actor)
        const { actor, message, traceparent } = release
        const revision: Revision = {
          epoch: "e",
          revision: number,
          changes: [
            moved,
            ...wishes.filter((one) => one !== wish).map(({ kind, environment, key }) => ({ kind, environment, key }))
          ],
          traceparent,
          actor,
          message,
          committedAt: now
        }
        this.revisions.push(revision)
        return Effect.succeed({ revision: revision as Revision<C>, replayed: false })
      })
    )

  /** What every node of it stands on. */
  readonly layer = Layer.mergeAll(
    Digest.layer,
    Layer.mock(Commits, { commit: this.commit, earlier: () => Effect.succeed(undefined) }),
    Layer.mock(Propagation, {
      position: () => ({ epoch: "e", revision: 1n }),
      stale: () => false,
      committed: (revision) => Effect.sync(() => this.tell(revision.changes[0] as Rollout))
    }),
    Layer.mock(RevisionLog, {
      after: (revision) =>
        Effect.succeed([
          {
            epoch: "e",
            revision: revision + 1n,
            changes: [],
            traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
            actor: "ann",
            message: "",
            committedAt: 0
          }
        ])
    }),
    Layer.succeed(Flags, {} as Flags["Service"]),
    Layer.succeed(FlagView, {} as FlagView["Service"]),
    Layer.mock(ExperimentStore, {}),
    Layer.mock(RolloutStore, {
      find: (environment, key) => this.#asked(() => this.all.get(`${environment}/${key}`)?.rollout),
      candidate: (environment, _, { kind, key }) => this.#asked(() => JSON.stringify({ kind, environment, key })),
      claim: (environment, key) =>
        this.#asked((now) => {
          const kept = this.all.get(`${environment}/${key}`)
          return kept === undefined || isOver(kept.rollout.state) ? undefined : { fence: ++kept.fence, now }
        })
    }),
    Layer.mock(EvidenceStore, {
      read: (environment, key) =>
        this.#asked((now) => {
          this.reads++
          const kept = this.all.get(`${environment}/${key}`)
          return kept === undefined || isOver(kept.rollout.state) ? undefined : { ...kept.known, now }
        }),
      changed: Effect.suspend(() => {
        this.looks++
        return this.#asked(() => new Map([...this.all].map(([name, { changes }]) => [name, changes])))
      }),
      population: (_, __, { after }) => this.#asked(() => (after === undefined ? this.population : []))
    }),
    Layer.succeed(
      RolloutView,
      RolloutView.of({
        kind: "rollout",
        read: Effect.die("not read"),
        apply: () => {},
        committed: () => {},
        forget: () => {},
        of: () => undefined,
        all: () => [...this.all.values()].map(({ rollout }) => rollout),
        find: (environment, key) => this.shown ?? this.all.get(`${environment}/${key}`)?.rollout,
        active: () => [...this.all.values()].map(({ rollout }) => rollout).filter(({ state }) => !isOver(state)),
        listen: (tell) => {
          this.listeners.add(tell)
          return () => void this.listeners.delete(tell)
        }
      })
    ),
    Layer.succeed(Probe, {
      ask: (question) =>
        Effect.sync(() => {
          this.questions.push(question)
          return this.answer
        })
    }),
    Layer.mock(Policies, {
      of: () =>
        this.#asked(() => ({ policy: { plans: {}, required: [], freezes: this.freezes }, version: 1, digest: "" }))
    })
  )
}

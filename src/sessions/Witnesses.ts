/**
 * Tells whoever wants to know what happens to the sessions of this node, as it happens. Sessions know nobody who does.
 *
 *   WI1  While nobody listens, what happens costs one look at an empty list more.
 *   WI2  A witness is told within what happens, and returns at once. What it throws is logged: the session and the other witnesses go on.
 *   WI3  Only a session that has its instance is told of: nothing of one that another took the place of.
 */
import { Context, Effect, Layer } from "effect"
import type { InstanceId } from "../fleet/Instance.ts"
import type { Position } from "../propagation/Position.ts"
import type { ClientView } from "../updates/Client.ts"
import type { Mark } from "../updates/Update.ts"
import { Connected } from "./Connected.ts"
import type { Ending } from "./Ending.ts"
import type { HealthReport } from "./HealthReports.ts"
import type { Session } from "./Session.ts"

/** Who reported its health: an instance, and the session that has it, on this node or another. */
export interface Reporter {
  readonly client: ClientView
  readonly patterns: ReadonlyArray<string>
  /** `<run>/<number>`. */
  readonly ref: string
  /** Milliseconds since 1970, by the clock of its node. */
  readonly connectedAt: number
  /** The session is this node's. */
  readonly here: boolean
}

/** WI2 */
export interface Witness {
  /** It has its place. */
  readonly came: (session: Session) => void
  /** It was sent this. */
  readonly sent: (session: Session, mark: Mark) => void
  /** It had this when it came. */
  readonly held: (session: Session, mark: Mark) => void
  /** What it was sent before was answered. */
  readonly answered: (session: Session, mark: Mark, applied: boolean, reason: string) => void
  /** It can't be sent what the key is at that position. */
  readonly problem: (session: Session, key: string, at: Position, reason: string) => void
  readonly reported: (reporter: Reporter, report: HealthReport) => void
  /** It gave its place back. */
  readonly ended: (session: Session, ending: Ending) => void
}

export class Witnesses extends Context.Service<
  Witnesses,
  {
    /** This life of this process: the first part of each session's `ref`. */
    readonly run: string
    /** Returns what ends it. */
    readonly listen: (witness: Witness) => () => void
    /** Sessions of this node that have their instance and want the key; one with overlapping patterns comes more than once. */
    readonly wanting: (environment: string, key: string) => Iterable<Session>
    /** The session of this node that has the instance, as who reports; undefined: there is none. */
    readonly reporter: (instance: InstanceId) => Reporter | undefined
    /** For whom something happens to. WI1 */
    readonly tell: Witness
  }
>()("herald/sessions/Witnesses") {
  static readonly layer = Layer.effect(
    Witnesses,
    Effect.gen(function* () {
      const here = yield* Connected
      const run = Effect.runForkWith(yield* Effect.context<never>())
      let all: ReadonlyArray<Witness> = []

      /** WI2 */
      const each = (tell: (witness: Witness) => void): void => {
        for (const witness of all)
          try {
            tell(witness)
          } catch (defect) {
            run(Effect.logError("a witness of sessions failed", defect))
          }
      }
      /** WI3 */
      const has = (session: Session) => here.has(session)

      return Witnesses.of({
        run: here.run,
        listen: (witness) => {
          all = [...all, witness]
          return () => {
            all = all.filter((one) => one !== witness)
          }
        },
        *wanting(environment, key) {
          for (const session of here.wanting(environment, key)) if (has(session)) yield session
        },
        reporter: (instance) => {
          const session = here.of(instance)
          if (session === undefined) return undefined
          const { client, patterns } = session.subscription
          return { client, patterns, ref: session.ref, connectedAt: session.connectedAt, here: true }
        },
        tell: {
          came: (session) => {
            if (all.length > 0) each((witness) => witness.came(session))
          },
          sent: (session, mark) => {
            if (all.length > 0 && has(session)) each((witness) => witness.sent(session, mark))
          },
          held: (session, mark) => {
            if (all.length > 0 && has(session)) each((witness) => witness.held(session, mark))
          },
          answered: (session, mark, applied, reason) => {
            if (all.length > 0 && has(session)) each((witness) => witness.answered(session, mark, applied, reason))
          },
          problem: (session, key, at, reason) => {
            if (all.length > 0 && has(session)) each((witness) => witness.problem(session, key, at, reason))
          },
          reported: (reporter, report) => {
            if (all.length > 0) each((witness) => witness.reported(reporter, report))
          },
          ended: (session, ending) => {
            if (all.length > 0) each((witness) => witness.ended(session, ending))
          }
        }
      })
    })
  )
}

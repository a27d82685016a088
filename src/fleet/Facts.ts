/**
 * What is known of one key at one instance. Pure; `herald_record` keeps the same registers in SQL.
 *
 * Each register keeps the latest of what was heard, and none touches another, so the order in which notes are written does not matter:
 *
 *   | heard                    | sent   | applied | rejected | problem | lacked    |
 *   |--------------------------|--------|---------|----------|---------|-----------|
 *   | sent p                   | latest |         |          |         |           |
 *   | applied p, or holds p    |        | latest  |          |         |           |
 *   | rejected p, and why      |        |         | latest   |         |           |
 *   | p can't be sent, and why |        |         |          | latest  |           |
 *   | … and holds nothing      |        |         |          |         | this life |
 *
 * What is shown of them follows:
 *
 *   | shown    | unless                                                                                                        |
 *   |----------|---------------------------------------------------------------------------------------------------------------|
 *   | sent     |                                                                                                               |
 *   | applied  | it was rejected later, the same p (taken back), or the client came without it in a later life (left)          |
 *   | rejected | the client applied p later, or something later than p                                                         |
 *   | problem  | p, or something later than p, was sent or applied later                                                       |
 *
 *   FC1  Within an epoch the higher revision is later, and at the same revision what was said later. Of two epochs the present one is later;
 *        of two former ones, what was said later.
 *   FC2  `applied` is not forgotten because something later was sent or rejected: it is what the client runs.
 *   FC3  What is heard twice or out of order changes nothing that is known from later.
 */
import { isNewer, type Position, sameEpoch, samePosition } from "../propagation/Position.ts"

export interface Fact extends Position {
  readonly version: number
  /** Milliseconds since 1970, the clock of the node that heard it. */
  readonly at: number
  /** Why it was rejected or can't be sent; "" otherwise. */
  readonly reason: string
}

export interface Facts {
  readonly sent: Fact | undefined
  readonly applied: Fact | undefined
  readonly rejected: Fact | undefined
  readonly problem: Fact | undefined
}

/** The store counts the lives of an instance: each session that takes it begins one. */
export interface Registers extends Facts {
  /** In which life `applied` was heard. */
  readonly appliedLife: number
  /** In which life the client last came without the key. */
  readonly lackedLife: number
}

export interface Heard extends Fact {
  readonly what: keyof Facts
  /** The client held nothing of the key before. */
  readonly lacks: boolean
  readonly life: number
}

export const unheard: Registers = {
  sent: undefined,
  applied: undefined,
  rejected: undefined,
  problem: undefined,
  appliedLife: 0,
  lackedLife: 0
}

/** FC1: `a` is as late as `b`, or later. `present`: the current epoch. */
export const isLater = (a: Fact | undefined, b: Fact | undefined, present: string): boolean => {
  if (a === undefined || b === undefined) return a !== undefined
  if (sameEpoch(a, b)) return samePosition(a, b) ? a.at >= b.at : isNewer(a, b)
  if (a.epoch === present || b.epoch === present) return a.epoch === present
  return a.at >= b.at
}

/** FC3 */
export const hear = (held: Registers, { what, lacks, life, ...fact }: Heard, present: string): Registers => {
  const lackedLife = lacks ? Math.max(held.lackedLife, life) : held.lackedLife
  if (!isLater(fact, held[what], present)) return { ...held, lackedLife }
  return { ...held, [what]: fact, lackedLife, appliedLife: what === "applied" ? life : held.appliedLife }
}

/** `emptied`: the life in which the client last came without anything. FC2 */
export const shown = (held: Registers, emptied: number, present: string): Facts => {
  const { sent, applied, rejected, problem } = held
  const left = held.appliedLife < Math.max(held.lackedLife, emptied)
  const takenBack =
    applied !== undefined &&
    rejected !== undefined &&
    samePosition(applied, rejected) &&
    !isLater(applied, rejected, present)
  return {
    sent,
    applied: left || takenBack ? undefined : applied,
    rejected: isLater(applied, rejected, present) ? undefined : rejected,
    problem: isLater(sent, problem, present) || isLater(applied, problem, present) ? undefined : problem
  }
}

/**
 * Port: asks a server of somebody else on behalf of a gate.
 *
 *   PU1  It goes to public addresses by https alone, but for those that the operator listed: who may begin a rollout reaches no more of the
 *        server's network by it than anybody.
 *   PU2  It answers within the time that it is given, follows no redirect, and keeps 64 KiB at most: what is longer is no answer.
 *   PU3  A node has a bounded number of questions open; one more is not asked now, and nobody waits for a place.
 */
import { Context, type Effect } from "effect"
import type { Answer, Question } from "./External.ts"

export class Probe extends Context.Service<Probe, { readonly ask: (question: Question) => Effect.Effect<Answer> }>()(
  "herald/owners/Probe"
) {}

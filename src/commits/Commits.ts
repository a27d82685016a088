/**
 * Port: the one way to change what is current.
 *
 *   W1  A commit is one transaction: every change of every kind, its history, audit, idempotency record and revision row, or nothing.
 *   W2  Commits are totally ordered: revision n is visible to readers only when all before n are.
 *   W3  A commit with an idempotency key that was committed before changes nothing and returns the first result.
 *   W5  A commit happens only while what it was checked against holds, each change by the rules of its kind: compared where its turn is decided.
 *   W6  A release that says until when is never committed later: it fails `Timeout`.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Change } from "../propagation/Revision.ts"
import type { Committed, Idempotency, Release } from "./Release.ts"

export class Commits extends Context.Service<
  Commits,
  {
    /**
     * Returns when the commit is durable. Fails `Conflict`; `Overtaken` where the version is right and something else has changed (`changed`:
     * rules, variables or templates); `IdempotencyConflict`; `NotFound` (to delete what is not there); `DatabaseUnavailable`,
     * `DatabaseReadOnly`, `Timeout`. After any of these, nothing of it is ever committed. After `OutcomeUnknown` it is committed by now, or
     * never will be. Concurrent commits share transactions; one that fails fails alone.
     */
    readonly commit: <C extends Change>(release: Release<C>) => Effect.Effect<Committed<C>, HeraldError>
    /**
     * The commit that had this idempotency key, if there was one. Fails `IdempotencyConflict` when its digest is another,
     * `DatabaseUnavailable`, `Timeout`. W3
     */
    readonly earlier: <C extends Change>(
      idempotency: Idempotency & { readonly owner: string }
    ) => Effect.Effect<Committed<C> | undefined, HeraldError>
  }
>()("herald/commits/Commits") {}

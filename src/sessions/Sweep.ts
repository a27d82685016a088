/**
 * Yields the keys of a session, one by one, for comparison with the view: pulled as the client takes them, so that neither a connect nor a
 * Reset goes through sessions × keys at once.
 *
 *   SW1  Every key that the client said it holds, that it was told, or that its patterns cover comes at least once.
 *   XS3  What a client holds from before, asks for and may have no more comes as withdrawn: silence would confirm it. It never comes otherwise.
 *   SW2  What the client already holds costs one comparison of digests and is not built.
 */
import { coveredBy } from "../keys/Pattern.ts"
import type { Mark } from "../updates/Update.ts"
import { keysOf, type UpdateSourceShape } from "../updates/UpdateSource.ts"
import type { Session } from "./Session.ts"
import type { Look } from "./Stage.ts"

interface Parts {
  readonly updates: Pick<UpdateSourceShape, "standing" | "page">
  /** The client has this without having been sent it. */
  readonly holds: (session: Session, mark: Mark) => void
}

/** `undefined` is a step without a key to look at. SW1 */
export function* sweep({ updates, holds }: Parts, session: Session): Generator<Look | undefined, void> {
  const { client, patterns, asked, held } = session.subscription
  const { environment } = client
  // First what it was told: a lost history may have taken such a key away. Keys told meanwhile may come at the end, one look too many.
  for (const key of session.told.keys())
    yield asked === undefined || coveredBy(patterns, key) ? { key, held: undefined } : undefined // XS3
  // What it said that it holds and was neither told of nor could be; at the first comparing there is nothing of that.
  for (const key of session.claims.keys()) yield { key, held: undefined }
  for (const entry of held.taken()) {
    const { key, digest } = entry
    if (session.told.has(key)) yield undefined
    else if (!coveredBy(patterns, key))
      yield digest !== "" && asked !== undefined && coveredBy(asked, key)
        ? { key, held: entry, withdrawn: true } // XS3
        : undefined
    else {
      const newest = digest === "" ? undefined : updates.standing(client, key)
      if (newest?.kind === "value" && newest.digest === digest) {
        holds(session, newest) // SW2
        yield undefined
      } else yield { key, held: entry }
    }
  }
  for (const pattern of patterns)
    for (const key of keysOf(updates, environment, pattern))
      yield session.told.has(key) ? undefined : { key, held: undefined }
}

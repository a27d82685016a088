/** Port: which service tokens were made, in the audit log. Of a token it gets no part. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Grant } from "./Decision.ts"

/** Action `token.exchange`, done by `principal`. */
export interface ExchangeEntry extends Grant {
  readonly principal: string
  /** The API key, subject or certificate that it came from. PN5 */
  readonly keyId: string
  /** What was shown: a key, another token, a JWT or a certificate. */
  readonly by: string
  /** What signed for the subject, of an issuer's. */
  readonly signer?: string
  /** Milliseconds that were asked for. */
  readonly lifeMillis: number
  /** Milliseconds since 1970: when it ends, which may be before its life is over. */
  readonly until: number
  /** Where it was asked for; left out, nobody knows. */
  readonly address?: string
}

export class ExchangeAudit extends Context.Service<
  ExchangeAudit,
  {
    /** It is durable when this succeeds. Fails `DatabaseUnavailable`, `DatabaseReadOnly`, `Timeout`, and `OutcomeUnknown` when the answer was lost. */
    readonly append: (entry: ExchangeEntry) => Effect.Effect<void, HeraldError>
  }
>()("herald/access/ExchangeAudit") {}

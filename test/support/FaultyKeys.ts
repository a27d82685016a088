/** API keys on a memory twin that is away, or loses answers, when a test wants that. */
import { Effect, Layer } from "effect"
import { AccessTables } from "../../layers/Memory/access/AccessTables.ts"
import * as Twin from "../../layers/Memory/access/ApiKeyStore.ts"
import * as Exchanges from "../../layers/Memory/access/ExchangeAudit.ts"
import { State } from "../../layers/Memory/State.ts"
import { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { ExchangeAudit } from "../../src/access/ExchangeAudit.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"

export class FaultyKeys {
  readonly #state: State
  down = false
  /** Questions for one key. */
  lookups = 0
  /** Milliseconds that each of them takes. */
  slow = 0
  /** How many first admins are made without an answer saying so. */
  losing = 0

  constructor(state = new State()) {
    this.#state = state
  }

  /** As the database has them. */
  get keys() {
    return this.#state.tables(AccessTables).keys
  }

  /** What the audit log has of exchanges. */
  get exchanges() {
    return this.#state.tables(AccessTables).audit.filter(({ action }) => action === "token.exchange")
  }

  readonly #guard = <A>(answer: Effect.Effect<A, HeraldError>): Effect.Effect<A, HeraldError> =>
    Effect.suspend(() => (this.down ? Effect.fail(failure("DatabaseUnavailable", "the database is away")) : answer))

  get layer(): Layer.Layer<ApiKeyStore | ExchangeAudit> {
    const exchanges = Layer.effect(
      ExchangeAudit,
      Effect.map(ExchangeAudit, ({ append }) => ({ append: (entry) => this.#guard(append(entry)) }))
    ).pipe(Layer.provide(Layer.fresh(Exchanges.layer)))
    const keys = Layer.effect(
      ApiKeyStore,
      Effect.map(ApiKeyStore, (twin) =>
        ApiKeyStore.of({
          create: (...a) => this.#guard(twin.create(...a)),
          rotate: (...a) => this.#guard(twin.rotate(...a)),
          createFirstAdmin: (key) =>
            Effect.flatMap(this.#guard(twin.createFirstAdmin(key)), (made) =>
              this.losing-- > 0
                ? Effect.fail(failure("DatabaseUnavailable", "the database died before it said so"))
                : Effect.succeed(made)
            ),
          find: (id) =>
            this.#guard(
              Effect.suspend(() => {
                this.lookups++
                return this.slow > 0 ? Effect.delay(twin.find(id), this.slow) : twin.find(id)
              })
            ),
          list: this.#guard(twin.list),
          revoke: (...a) => this.#guard(twin.revoke(...a))
        })
      )
    ).pipe(Layer.provide(Layer.fresh(Twin.layer)))
    return Layer.merge(keys, exchanges).pipe(Layer.provide(Layer.succeed(State.service, this.#state)))
  }
}

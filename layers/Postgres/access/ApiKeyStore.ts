/** Keeps API keys in PostgreSQL. The statement that writes a key also writes its audit entry. */
import { Effect, Layer } from "effect"
import { type ApiKey, ApiKeyStore } from "../../../src/access/ApiKeyStore.ts"
import { actingKey, folded, principalExists } from "../../../src/access/Principal.ts"
import { confirmed } from "../connection/Confirmed.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

type Narrowing = "topics" | "keys" | "kinds"
type Row = Omit<ApiKey, Narrowing> & { readonly [N in Narrowing]: Exclude<ApiKey[N], undefined> | null }
const keyOf = ({ topics, keys, kinds, ...key }: Row): ApiKey => ({
  ...key,
  ...(topics === null ? {} : { topics }),
  ...(keys === null ? {} : { keys }),
  ...(kinds === null ? {} : { kinds })
})

export const layer = Layer.effect(
  ApiKeyStore,
  Effect.gen(function* () {
    const { reads, other: sql } = yield* Pools
    const columns =
      sql.literal(`id, name, hash, role, environments, topics, keys, kinds, herald_millis(created_at) as "createdAt", created_by as "createdBy",
      herald_millis(expires_at) as "expiresAt", herald_millis(revoked_at) as "revokedAt"`)
    return ApiKeyStore.of({
      create: Effect.fnUntraced(function* (key, { alone = false, by } = {}) {
        const [row] = yield* confirmed(
          sql,
          "keep the API key"
        )(sql<{
          known: string | null
        }>`select herald_key_create(${JSON.stringify(key)}::text::jsonb, ${folded(key.name)}, ${alone}::boolean,
            ${JSON.stringify(actingKey(by))}::text::jsonb) as known`)
        if (row!.known !== null) return yield* principalExists(row!.known)
      }),
      rotate: (id, successor, { until, by }) =>
        confirmed(
          sql,
          "rotate the API key"
        )(sql<{
          done: boolean
        }>`select herald_key_rotate(${id}, ${JSON.stringify(successor)}::text::jsonb, ${until}::float8,
            ${JSON.stringify(actingKey(by))}::text::jsonb) as done`).pipe(Effect.map(([row]) => row!.done)),
      createFirstAdmin: (key) =>
        guarded("make the first admin key")(
          sql<{ made: boolean }>`select herald_first_admin(${JSON.stringify(key)}::text::jsonb) as made`
        ).pipe(Effect.map(([row]) => row!.made)),
      find: (id) =>
        guarded("look up the API key")(reads<Row>`select ${columns} from api_keys where id = ${id}`).pipe(
          Effect.map(([row]) => (row === undefined ? undefined : keyOf(row)))
        ),
      list: guarded("read the API keys")(sql<Row>`select ${columns} from api_keys order by created_at, id`).pipe(
        Effect.map((rows) => rows.map(keyOf))
      ),
      revoke: (id, actor, by) =>
        confirmed(
          sql,
          "revoke the API key"
        )(sql`
          with revoked as (
            update api_keys set revoked_at = now() where id = ${id} and revoked_at is null returning id, name
          ) select herald_audit('', 'key.revoke', ${actor}, jsonb_build_object('id', id, 'name', name)
            || ${JSON.stringify(actingKey(by))}::text::jsonb) from revoked`).pipe(Effect.map((rows) => rows.length > 0))
    })
  })
)

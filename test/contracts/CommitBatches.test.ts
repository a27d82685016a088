/** `herald_commit` decides on releases that come in one call as it would on each alone, one after the other. */
import { readFileSync } from "node:fs"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { answersOf, encode, encodePlain, type PublishAnswer } from "../../layers/Postgres/commits/WriterMessages.ts"
import type { Release } from "../../src/commits/Release.ts"
import type { ConfigurationWish } from "../../src/configuration/Wish.ts"
import { numbers } from "../support/Chance.ts"
import { fresh } from "../support/fresh.ts"
import { type Answer, committing, release, text } from "./Committing.ts"

const { session, clock, epoch, head, commit } = committing()

/** A second kind, whose rules look at tables. */
beforeAll(async () => {
  const migration = readFileSync(new URL("../example/schema/migrations/toys.sql", import.meta.url), "utf8")
  await session.query(`do $migration$ begin\n${migration}\nend $migration$`)
})

const KEYS = ["a", "b", "c", "d.e"]
const TYPES = ["string", "json"]
const SCHEMAS = [null, { type: "object" }, { type: "string" }]

/** What a release of a batch depends on the place where it is made for. */
interface Place {
  readonly environment: string
  readonly epoch: string
  readonly head: number
  readonly past: number
}

/** A release that is made for a place. */
type Made = (place: Place) => Record<string, unknown>

const values = ["1", "{}", "text {{x}}", 'é😀\u2028\\" |']

const makeRelease = (any: (below: number) => number, name: string): Made => {
  const maybe = <A>(one: () => A, of = 3): A | undefined => (any(of) === 0 ? one() : undefined)
  const changes = [...KEYS]
    .sort(() => any(3) - 1)
    .slice(0, 1 + any(3))
    .map((key) => {
      const value = any(8) === 0 ? null : values[any(values.length)]!
      return {
        kind: "configuration",
        key,
        value,
        valueType: TYPES[any(2)],
        schema: value === null ? null : SCHEMAS[any(3)],
        strict: any(2) === 0,
        template: value?.includes("{{") ?? false,
        digest: digestOf(value ?? ""),
        expectedVersion: maybe(() => any(3), 8),
        kept: maybe(() => ({ live: any(6) > 0, fields: ["schema", "strict", "type"].filter(() => any(5) === 0) }), 4),
        changeLog: `why "${any(10)}" \\ \n\u2028`
      }
    })
  const toy = maybe(() => ({ kind: "toy", key: KEYS[any(2)]!, count: any(6) }), 4)
  const all = toy === undefined ? changes : any(2) === 0 ? [toy, ...changes] : [...changes, toy]
  const looked = maybe(
    () => [...KEYS].slice(0, 1 + any(2)).map((key) => ({ key, digest: ["", ...values.map(digestOf)][any(3)] })),
    4
  )
  const templates = maybe(() => any(2), 5)
  const keyed = maybe(() => ({ commitId: `=${name}.${any(4)}`, digest: `d${any(2)}` }), 4)
  const late = maybe(() => true, 15)
  const keyId = maybe(() => `key-"${any(3)}`)
  return ({ environment, epoch, head, past }) =>
    release("", {
      ...keyed,
      actor: "o'\"tester",
      ...(keyed && { owner: environment }),
      ...(late && { notAfter: past }),
      ...(keyId === undefined ? {} : { keyId }),
      message: 'm\\"|',
      ...((looked !== undefined || templates !== undefined) && {
        basis: {
          values: looked?.map((one) => ({ ...one, environment })),
          templates:
            templates === undefined ? undefined : [{ environment, epoch, revision: String(head - 1_000 * templates) }]
        }
      }),
      changes: all.map((one) => ({ ...one, environment }))
    })
}

describe("herald_commit", () => {
  const placeOf = async (environment: string): Promise<Place> => ({
    environment,
    epoch: await epoch(),
    head: await head(),
    past: Number((await session.query("select herald_millis(clock_timestamp())::bigint - 1000 as past"))[0]!["past"])
  })

  /** Without what is of the place or of the moment. */
  const plain = (answers: ReadonlyArray<Answer>, { environment, head }: Place) =>
    answers.map((answer) => {
      const { epoch: _, committedAt: __, ...rest } = answer
      const text = JSON.stringify(rest, (name, value) =>
        name === "createdAt" || name === "updatedAt" || name === "committedAt" || name === "epoch" ? undefined : value
      )
      return text
        .replaceAll(environment, "here")
        .replaceAll(/"revision":"(\d+)"/g, (_, revision) => `"revision":"+${Number(revision) - head}"`)
    })

  const kept = async ({ environment, head }: Place) => {
    const columns = (revision: string) =>
      `key, version, ${revision} - ${head} as revision, value, value_type, deleted, schema_definition, "strict", template, digest, updated_by, change_log`
    return {
      current: await session.query(
        `select ${columns("revision")} from configurations where environment = '${environment}' order by key`
      ),
      history: await session.query(
        `select ${columns("revision")}, created_at = min(created_at) over (partition by key) as first from configuration_history
        where environment = '${environment}' order by key, version`
      ),
      tombstones: await session.query(
        `select key, version, revision - ${head} as revision, digest, "strict", template from tombstones where environment = '${environment}' order by key`
      ),
      toys: await session.query(
        `select key, revision - ${head} as revision, count from toys where environment = '${environment}' order by key, revision`
      ),
      requests: await session.query(
        `select key, digest, revision - ${head} as revision from idempotency_keys where actor = '${environment}' order by key`
      )
    }
  }

  /** The log and the audit, without what is of the moment. */
  const logged = async ({ environment, head }: Place) => {
    const rows = await session.query(
      `select (revision - ${head})::int as revision, payload, traceparent, actor, message from revisions
        where payload->0->>'environment' = '${environment}' and revision > ${head} order by revision`
    )
    const entries = await session.query(
      `select action, performed_by, config_id, details - 'digest' as details from audit_log where starts_with(config_id, '${environment}/')
        and (details->>'revision')::bigint > ${head} order by id`
    )
    const text = JSON.stringify([rows, entries], (name, value) =>
      /^(created|updated)At$/.test(name) ? undefined : value
    )
    return text
      .replaceAll(environment, "here")
      .replaceAll(/"revision":"(\d+)"/g, (_, revision) => `"revision":"+${Number(revision) - head}"`)
  }

  const verified = async () => {
    let place: unknown = null
    do {
      const [row] = await session.query(
        `select herald_audit_check(${place === null ? "null" : `$json$${JSON.stringify(place)}$json$`}::jsonb, 60000) as page`
      )
      const page = row!["page"] as { readonly place: unknown; readonly problem: unknown }
      assert.isNull(page.problem)
      place = page.place
    } while (place !== null)
  }

  for (let seed = 1; seed <= 40; seed++)
    it(`W1 W2 W3 W5 a batch is what its releases are one after the other (${seed})`, async () => {
      const any = numbers(seed)
      const name = fresh("batch")
      const together = await placeOf(`together-${name}`.replaceAll(".", "-"))
      const made = Array.from({ length: 1 + any(24) }, () => makeRelease(any, name))
      const batch = await commit(made.map((one) => one(together)))
      const alone = await placeOf(`apart-${name}`.replaceAll(".", "-"))
      const answers: Array<Answer> = []
      for (const one of made) answers.push(...(await commit([one(alone)])))

      assert.deepStrictEqual(plain(batch, together), plain(answers, alone))
      assert.deepStrictEqual(await kept(together), await kept(alone))
    })

  /** As the writer sends what may go the short way. `past`: until when, instead of for ever. */
  const shortly = async (releases: ReadonlyArray<Release>, past?: number) => {
    const flat = releases.map((one) => `{"notAfter":${past ?? 4e12},${encodePlain(one, fresh("made"))}`)
    const terms = { clock: (await clock()).server, wait: 5_000, since: null }
    const [row] = await session.query(
      `select herald_publish($json$[${flat.join(",")}]$json$::json, ${text(terms)}::jsonb) as answers`
    )
    return row!["answers"] as PublishAnswer | null
  }

  const wishOf = (any: (below: number) => number, key: string, environment: string): ConfigurationWish => {
    const value = values[any(values.length)]!
    const schema = SCHEMAS[any(3)]
    return {
      kind: "configuration",
      ...{ key, environment, value, schema, valueType: any(2) === 0 ? "string" : "json", strict: any(2) === 0 },
      ...{ template: value.includes("{{"), digest: digestOf(value), changeLog: `why "${any(10)}" \\ \n\u2028` },
      expectedVersion: any(8) === 0 ? 1 + any(3) : undefined,
      kept:
        any(3) === 0
          ? { live: any(4) > 0, fields: (["schema", "strict", "type"] as const).filter(() => any(5) === 0) }
          : undefined
    }
  }

  it("W1 W2 W5 X10 the short way commits what the long way would, or nothing where that refuses one", async () => {
    const came = { short: 0, refused: 0 }
    for (let seed = 1; seed <= 60; seed++) {
      const name = fresh("short").replaceAll(".", "-")
      const made = [`short-${name}`, `long-${name}`].map((environment) => {
        const drawn = numbers(seed)
        const before = Array.from({ length: drawn(4) }, (_, n) => makeRelease(drawn, `${name}.${n}`))
        const keyId = drawn(2) === 0 ? undefined : 'key-"1'
        const asked = { action: "publish" as const, actor: "o'\"tester", keyId, message: 'm\\"|', traceparent: "t" }
        const releases = KEYS.slice(0, 1 + drawn(KEYS.length)).map(
          (key): Release => ({ ...asked, idempotency: undefined, changes: [wishOf(drawn, key, environment)] })
        )
        return { environment, before, releases }
      })
      const places: Array<Place> = []
      const answers: Array<ReadonlyArray<Answer>> = []
      for (const [way, { environment, before, releases }] of made.entries()) {
        for (const one of before) await commit([one(await placeOf(environment))])
        const place = await placeOf(environment)
        places.push(place)
        if (way === 0) {
          const untouched = await kept(place)
          assert.isNull(await shortly(releases, place.past))
          const short = await shortly(releases)
          if (short === null) assert.deepStrictEqual(await kept(place), untouched)
          answers.push(short === null ? [] : (answersOf(short) as ReadonlyArray<unknown> as ReadonlyArray<Answer>))
        } else {
          const long: Array<Answer> = []
          for (const one of releases) long.push(...(await commit([JSON.parse(`{${encode(one, fresh("made"))}`)])))
          answers.push(long)
        }
      }
      const [short, long] = answers as [ReadonlyArray<Answer>, ReadonlyArray<Answer>]
      came[short.length === 0 ? "refused" : "short"]++
      if (short.length === 0) assert.isFalse(long.every(({ ok }) => ok))
      else {
        assert.deepStrictEqual(plain(short, places[0]!), plain(long, places[1]!))
        assert.deepStrictEqual(await kept(places[0]!), await kept(places[1]!))
        assert.deepStrictEqual(await logged(places[0]!), await logged(places[1]!))
      }
    }
    assert.isAbove(came.short, 10)
    assert.isAbove(came.refused, 10)
  })

  it("AL2 and the audit log tells of all of them", verified)

  it("AQ1 a protection holds for what is committed in the same call behind it", async () => {
    const environment = fresh("env")
    const protection = {
      kind: "protection",
      environment,
      key: "p",
      deleted: false,
      patterns: ["k"],
      kinds: null,
      approvals: 1
    }
    const publish = () => ({
      ...release("k", { commitId: `~${fresh("made")}` }, { kind: "configuration", environment })
    })
    const protect = {
      ...release("p", { action: "protect", commitId: `~${fresh("made")}` }),
      changes: [{ ...protection, roles: ["admin"], lasts: 60_000 }]
    }
    const answers = await commit([publish(), protect, publish()])
    assert.deepStrictEqual(
      answers.map(({ ok, name }) => (ok === true ? "done" : name)),
      ["done", "done", "ApprovalRequired"]
    )
  })
})

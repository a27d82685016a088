/** Many flags of a release are decided on and written together, and that is what one after the other is. */
import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { numbers } from "../support/Chance.ts"
import { fresh } from "../support/fresh.ts"
import { type Answer, committing, release } from "./Committing.ts"

const { session, commit, head } = committing()

const KEYS = Array.from({ length: 24 }, (_, n) => `flag-${n}`)
const VARIANTS = ["on", "off", "é😀"]

/** Of most flags nothing can stand in the way, and of the first ones of none; of the others it is any of what may. */
const wishes = (any: (below: number) => number, first: boolean) => {
  const maybe = <A>(one: () => A, of: number): A | undefined => (any(of) === 0 && !first ? one() : undefined)
  return [...KEYS]
    .sort(() => any(3) - 1)
    .slice(0, first ? KEYS.length : 8 + any(4))
    .map((key) => {
      const definition = maybe(() => true, 40) ? null : JSON.stringify({ enabled: true, of: any(1_000) })
      const needs = maybe(() => ({ flag: KEYS[any(KEYS.length)]!, variant: VARIANTS[any(2)]! }), 12)
      return {
        kind: "flag",
        key,
        definition,
        digest: definition === null ? "" : digestOf(definition),
        bytes: definition?.length ?? 0,
        expectedVersion: maybe(() => 1 + any(4), 25),
        enabled: any(2) === 0,
        percentage: maybe(() => any(100_000) / 1_000, 2) ?? null,
        targetUsers: maybe(() => ["ann", "o'\"\\"], 2) ?? null,
        variants: definition === null ? [] : (maybe(() => ["off"], 15) ?? VARIANTS.slice(0, 2 + any(2))),
        prerequisites: needs === undefined || definition === null ? [] : [needs],
        ...maybe(() => ({ uses: [["staff", "nobody"][+(any(4) === 0)]] }), 8)
      }
    })
}

const inSets = (yes: boolean) => session.query(`update herald_kinds set by_sets = ${yes} where name = 'flag'`)

describe("herald_flag_problems and herald_flag_writes", () => {
  const kept = async (environment: string, from: number) => {
    const columns = `flag_name, version, revision - ${from} as revision, enabled, percentage, target_users, definition, digest, bytes, deleted,
      variants, prerequisites, uses, created_at = updated_at as first, updated_by, message`
    const of = (table: string, more = "") =>
      session.query(
        `select ${columns} from ${table} where environment = '${environment}' order by flag_name, version${more}`
      )
    return {
      current: await of("feature_flags"),
      history: await of("feature_flag_history"),
      totals: await session.query(`select flags, bytes from feature_flag_totals where environment = '${environment}'`)
    }
  }
  const plain = (answers: ReadonlyArray<Answer>, environment: string, from: number) =>
    answers.map(({ epoch: _, committedAt: __, ...answer }) =>
      JSON.stringify(answer, (name, value) => (name === "createdAt" || name === "updatedAt" ? undefined : value))
        .replaceAll(environment, "here")
        .replaceAll(/"revision":"(\d+)"/g, (_, revision) => `"revision":"+${Number(revision) - from}"`)
    )

  let [accepted, refused] = [0, 0]
  const run = async (sets: boolean, seed: number) => {
    const environment = fresh(sets ? "sets" : "ones").replaceAll(".", "-")
    const any = numbers(seed)
    await inSets(sets)
    const from = await head()
    const staff = { key: "staff", environment, definition: "true", digest: "d", bytes: 4, uses: [] }
    const answers = [...(await commit([release("", { changes: [{ kind: "segment", ...staff }] })]))]
    for (let n = 0; n < 6; n++) {
      const made = Array.from({ length: 1 + any(2) }, () => {
        const flags = wishes(any, n === 0).map((flag) => ({ ...flag, environment }))
        const beside = any(2) === 0 ? release(`beside-${environment}`, {}, { environment }).changes : []
        const changes = any(2) === 0 ? [...beside, ...flags] : [...flags, ...beside]
        return release("", { changes: changes.map((one) => ({ kind: "configuration", ...one })), message: "m\\\"|'" })
      })
      answers.push(...(await commit(made)))
    }
    return { answers: plain(answers, environment, from), kept: await kept(environment, from) }
  }

  for (let seed = 1; seed <= 30; seed++)
    it(`FN1 FN2 FN3 C1 are what one flag after the other is (${seed})`, async () => {
      const [sets, ones] = [await run(true, seed), await run(false, seed)]

      assert.deepStrictEqual(sets, ones)
      const took = sets.answers.filter((answer) => answer.includes('"ok":true')).length
      assert.isAbove(took, 0)
      accepted += took
      refused += sets.answers.length - took
    })

  it("FN3 an environment that is full takes no more, in sets either", async () => {
    for (const [what, full] of [
      ["flags", "flags = 20000"],
      ["bytes", "bytes = 67108864 - 10"]
    ] as const) {
      const environment = fresh(what).replaceAll(".", "-")
      const flags = wishes(numbers(7), true).map((flag) => ({ ...flag, environment }))
      await inSets(true)
      await commit([release("", { changes: flags.slice(0, 9) })])
      await session.query(`update feature_flag_totals set ${full} where environment = '${environment}'`)
      const [answer] = await commit([release("", { changes: flags })])

      assert.deepInclude(answer, { ok: false, name: "FlagsFull" }, what)
    }
  })

  it("FN1 FN3 and some of them are refused", () => {
    assert.isAbove(accepted, 60)
    assert.isAbove(refused, 30)
  })

  it("AL2 and the audit log tells of all of them", async () => {
    const [row] = await session.query("select herald_audit_check(null, 100000) as page")
    assert.isNull((row!["page"] as { readonly problem: unknown }).problem)
  })
})

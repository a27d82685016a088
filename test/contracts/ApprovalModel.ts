/** Protections and change requests against a model in a few lines: what is done with whom, in any order. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import type { ApprovalStore } from "../../src/approvals/ApprovalStore.ts"
import type { ChangeRequest } from "../../src/approvals/ChangeRequest.ts"
import type { Commits } from "../../src/commits/Commits.ts"
import {
  apply,
  approve,
  by,
  commit,
  end,
  open,
  outcome,
  type Person,
  person,
  protect,
  stateOf
} from "../support/Approvals.ts"
import { dice } from "../support/Chance.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import { shrunk } from "../support/Shrinking.ts"

type Services = ApiKeyStore | ApprovalStore | Commits
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

const KEYS = ["a", "b"] as const
type Key = (typeof KEYS)[number]
/** Each of people below: whose persons they are. `anna` was made by ann, `twin` and `bobby` by bob. */
const PEOPLE = ["ann", "anna", "bob", "bobby", "twin", "cid", "dan"] as const
type Name = (typeof PEOPLE)[number]
const PERSON: Readonly<Record<Name, string>> = {
  ...{ ann: "ann", anna: "ann", bob: "bob", bobby: "bob", twin: "bob", cid: "cid", dan: "dan" }
}
const ADMINS: ReadonlySet<Name> = new Set(["bob", "cid"])

type Step =
  | { readonly do: "ask"; readonly who: Name; readonly key: Key; readonly expired: boolean }
  | { readonly do: "approve" | "reject" | "withdraw" | "apply"; readonly who: Name; readonly of: number }
  | { readonly do: "publish"; readonly who: Name; readonly key: Key }
  | { readonly do: "glass"; readonly key: Key }
  | { readonly do: "revoke"; readonly who: Name }
  | { readonly do: "raise"; readonly approvals: number; readonly admins: boolean }

const steps = (seed: number, many: number): ReadonlyArray<Step> => {
  const { below, of } = dice(seed)
  return Array.from({ length: many }, (): Step => {
    const [who, key, at] = [of(PEOPLE), of(KEYS), below(4)]
    const one = below(20)
    if (one < 4) return { do: "ask", who, key, expired: below(8) === 0 }
    if (one < 10) return { do: "approve", who, of: at }
    if (one < 14) return { do: "apply", who, of: at }
    if (one < 15) return { do: of(["reject", "withdraw"]), who, of: at }
    if (one < 17) return { do: "publish", who, key }
    if (one < 18) return { do: "glass", key }
    if (one < 19) return { do: "revoke", who }
    return { do: "raise", approvals: 1 + below(2), admins: below(3) === 0 }
  })
}

/** What a request is, by the model. */
interface Modelled {
  readonly author: Name
  readonly key: Key
  readonly base: number
  readonly expired: boolean
  readonly approvals: Map<Name, true>
  over: string | undefined
}

interface World {
  readonly values: Record<Key, number>
  readonly requests: Array<Modelled>
  readonly revoked: Set<Name>
  needed: number
  admins: boolean
}

/** Persons whose approval counts. Who was revoked counts no more, and nobody of the author's does. */
const countOf = (world: World, { author, approvals }: Modelled, admins: boolean): number =>
  new Set(
    [...approvals.keys()]
      .filter((name) => !world.revoked.has(name) && PERSON[name] !== PERSON[author] && (!admins || ADMINS.has(name)))
      .map((name) => PERSON[name])
  ).size

const stateIn = (world: World, one: Modelled): string => {
  if (one.over !== undefined) return one.over
  if (one.expired) return "expired"
  if (world.values[one.key] !== one.base) return "void"
  return countOf(world, one, false) >= 1 ? "approved" : "open"
}

/** What is to come of a step; the model changes with it. Every value is another version of its key. */
const expected = (world: World, step: Step): string => {
  if (step.do === "ask") {
    const { who: author, key, expired } = step
    world.requests.push({ author, key, base: world.values[key], expired, approvals: new Map(), over: undefined })
    return "done"
  }
  if (step.do === "publish") return "ApprovalRequired"
  if (step.do === "glass") {
    world.values[step.key]++
    return "done"
  }
  if (step.do === "revoke") {
    world.revoked.add(step.who)
    return "done"
  }
  if (step.do === "raise") {
    ;[world.needed, world.admins] = [step.approvals, step.admins]
    return "done"
  }
  const one = world.requests[step.of]
  if (one === undefined) return "skipped"
  const is = stateIn(world, one)
  const ends = step.do === "reject" || step.do === "withdraw"
  if (is === "void" && !ends) return "ChangeVoid"
  if (is !== "open" && is !== "approved" && is !== "void") return "ChangeOver"
  if (step.do === "reject" || step.do === "withdraw") {
    one.over = step.do === "reject" ? "rejected" : "withdrawn"
    return "done"
  }
  if (step.do === "approve") {
    if (PERSON[step.who] === PERSON[one.author]) return "OwnChange"
    one.approvals.set(step.who, true)
    return "done"
  }
  if (countOf(world, one, false) < 1 || countOf(world, one, world.admins) < world.needed) return "ApprovalRequired"
  one.over = "applied"
  world.values[one.key]++
  return "done"
}

/** Does them on a store, and says where it and the model part; undefined: nowhere. */
const parted = Effect.fnUntraced(function* (all: ReadonlyArray<Step>) {
  const keys = yield* ApiKeyStore
  const environment = fresh("env")
  const people = {} as Record<Name, Person>
  const made = Effect.fnUntraced(function* (name: Name, createdBy: string) {
    people[name] = yield* person(name, { createdBy, role: ADMINS.has(name) ? "admin" : "publisher" })
  })
  for (const name of ["ann", "bob", "cid", "dan"] as const) yield* made(name, "herald")
  yield* made("anna", people.ann.name)
  yield* made("bobby", people.bob.name)
  yield* made("twin", people.bob.name)
  const root = yield* person("root", { role: "admin" })
  const asRoot = (wishes: ReadonlyArray<object>, action: "publish" | "protect" = "publish") =>
    commit([...wishes, { kind: "approval", environment, key: "", op: "glass", touches: [], rights: [], reason: "" }], {
      action,
      ...by(root)
    })
  yield* protect(environment, [...KEYS])
  const world: World = { values: { a: 0, b: 0 }, requests: [], revoked: new Set(), needed: 1, admins: false }
  const requests: Array<{ readonly request: ChangeRequest; readonly wishes: Parameters<typeof open>[2] }> = []
  let values = 0

  const done = Effect.fnUntraced(function* (step: Step) {
    const value = (key: Key) => change(key, String(++values), { environment })
    switch (step.do) {
      case "ask": {
        const wishes = [value(step.key)]
        const changed = step.expired ? { lasts: -1 } : {}
        requests.push({ request: yield* open(people[step.who], environment, wishes, "publish", changed), wishes })
        return "done"
      }
      case "publish":
        return yield* outcome(commit([value(step.key)], by(people[step.who])))
      case "glass":
        return yield* outcome(asRoot([value(step.key)]))
      case "revoke":
        yield* keys.revoke(people[step.who].id, "tester")
        return "done"
      case "raise": {
        const { approvals, admins } = step
        const roles = admins ? (["admin"] as const) : (["publisher", "admin"] as const)
        const wish = { kind: "protection", environment, key: "p", deleted: false, patterns: [...KEYS], kinds: null }
        return yield* outcome(asRoot([{ ...wish, approvals, roles, lasts: 3_600_000 }], "protect"))
      }
      default: {
        const its = requests[step.of]
        if (its === undefined) return "skipped"
        if (step.do === "approve") return yield* outcome(approve(its.request, people[step.who]))
        if (step.do !== "apply") return yield* outcome(end(its.request, step.do, people[step.who]))
        const author = world.requests[step.of]!.author
        return yield* outcome(apply(its.request, its.wishes, people[author]))
      }
    }
  })

  for (const [n, step] of all.entries()) {
    const wanted = expected(world, step)
    const came = yield* done(step)
    const states = yield* Effect.forEach(requests, ({ request }) => stateOf(request))
    const modelled = world.requests.map((one) => stateIn(world, one))
    if (came !== wanted || states.join() !== modelled.join())
      return `step ${n} ${JSON.stringify(step)}: ${came}, not ${wanted}; ${states.join()}, not ${modelled.join()}`
  }
  return undefined
})

export const approvalModelContract = (test: Test, runs = 12) => {
  test("AQ1 AQ3 AQ4 AQ5 AQ14 whatever is asked, approved, raced, revoked and broken in whatever order: as the model says", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= runs; seed++) {
        const all = steps(seed, 40)
        const first = yield* parted(all)
        if (first === undefined) continue
        const least = yield* shrunk(all, (some) => Effect.map(parted(some), (why) => why !== undefined), 60)
        assert.fail(`seed ${seed}: ${yield* parted(least)}\n${least.map((one) => JSON.stringify(one)).join("\n")}`)
      }
    }))
}

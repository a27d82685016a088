/** What each route of the contract is about, as its use case asks for it: what the matrix is made from, besides what the route says that it needs. */
import type { Kind } from "../../../src/access/Identity.ts"

export interface Place {
  readonly environment: string
  readonly key: string
  /** What the key begins with. */
  readonly side: string
}

export interface Row {
  /**
   * A kind: a key of it, in the path. "keys of": some keys of a kind. "every": each key of a kind. "some": some key of some kind. "all": every key of every
   * kind. "head": the route's need says it all. "topic": the topic in the path.
   */
  readonly about: Kind | `keys of ${Kind}` | `every ${Kind}` | "some" | "all" | "head" | "topic"
  /** Of what is looked up before it is decided: 404 for who sees the environment, and not it. */
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  /** A body that is right; left out: one that is no JSON, which would be a 400 were it read. */
  readonly body?: (place: Place) => unknown
}

/** A change that no version fits: who may is let in, and nothing happens. */
const never = { "if-match": "999999" }
const noVersion = "&expectedVersion=999999"
const change = ({ environment, key }: Place) => ({ environment, key, value: "1" })
const named =
  (name: "flag" | "segment") =>
  ({ environment, key }: Place) => ({ [name]: key, environment, value: null })
const about = (of: Row["about"]): Row => ({ about: of })
const write = (of: "flag" | "segment"): Readonly<Record<string, Row>> => ({
  publish: about(of),
  get: about(of),
  archive: { about: of, query: noVersion },
  list: about(`keys of ${of}`),
  history: about(of),
  version: about(of),
  diff: { about: of, query: "&from=1&to=1" },
  rollback: about(of),
  validate: about(of)
})

/** By groups and their endpoints. Releases are here once for each kind of what they have. */
export const rows: Readonly<Record<string, Readonly<Record<string, Row | ReadonlyArray<Row>>>>> = {
  config: {
    publish: about("config"),
    get: about("config"),
    delete: { about: "config", headers: never },
    list: about("keys of config"),
    values: about("keys of config"),
    environments: about("head"),
    history: about("config"),
    version: about("config"),
    diff: { about: "config", query: "&from=1&to=1" },
    rollback: about("config"),
    validate: about("config"),
    explain: about("config")
  },
  releases: {
    release: [
      { about: "config", query: "&dryRun=true", body: (place) => ({ changes: [change(place)] }) },
      { about: "flag", query: "&dryRun=true", body: (place) => ({ changes: [], flags: [named("flag")(place)] }) },
      {
        about: "segment",
        query: "&dryRun=true",
        body: (place) => ({ changes: [], segments: [named("segment")(place)] })
      },
      about("head")
    ]
  },
  flags: { ...write("flag"), document: about("keys of flag"), evaluate: about("flag") },
  segments: { ...write("segment"), ids: about("segment") },
  schedules: {
    make: about("head"),
    ...{ list: about("some"), get: about("some"), preview: about("some"), cancel: about("some") }
  },
  rollouts: {
    start: about("head"),
    ...{ list: about("keys of rollout"), get: about("keys of rollout"), history: about("keys of rollout") },
    instances: about("keys of rollout"),
    ...{ pause: about("head"), resume: about("head"), promote: about("head"), abort: about("head") }
  },
  experiments: {
    ...{ start: about("head"), stop: about("head") },
    ...{ list: about("keys of experiment"), get: about("keys of experiment"), history: about("keys of experiment") },
    results: about("keys of experiment")
  },
  refs: {
    replace: { about: "every flag", query: "&repository=r&branch=b" },
    remove: { about: "every flag", query: "&repository=r&branch=b" },
    scans: about("every flag"),
    of: about("flag")
  },
  marketData: { list: about("head"), latest: about("head"), history: about("head") },
  usage: {
    uses: about("keys of flag"),
    use: about("flag"),
    stale: about("keys of flag"),
    report: about("head"),
    track: about("head")
  },
  flagSettings: {
    current: about("keys of flag"),
    set: about("every flag"),
    try: about("every flag"),
    history: about("keys of flag")
  },
  ofrep: {
    single: about("head"),
    bulk: about("head"),
    changes: about("head")
  },
  clients: { list: about("some"), summary: about("all"), nodes: about("all") },
  feeds: { events: about("head") },
  topics: {
    ...{ create: about("head"), list: about("head"), publish: about("topic"), open: about("topic") },
    ...{ get: about("topic"), update: about("topic"), delete: about("topic"), stats: about("topic") },
    ...{ statistics: about("topic"), events: about("topic"), stream: about("topic") }
  },
  subscriptions: {
    ...{ create: about("head"), list: about("head"), get: about("topic"), update: about("topic") },
    ...{ retrying: about("topic"), delete: about("topic"), stats: about("topic"), seek: about("topic") },
    ...{ pause: about("topic"), stop: about("topic"), resume: about("topic"), letters: about("topic") },
    ...{ letter: about("topic"), replay: about("topic"), drop: about("topic") }
  },
  routes: {
    ...{ create: about("head"), list: about("head"), get: about("head"), update: about("head") },
    ...{ delete: about("head"), stats: about("head"), test: about("topic") }
  },
  protections: { protect: about("all"), list: about("some"), unprotect: about("all") },
  changes: {
    ...{ list: about("some"), get: about("some"), approve: about("some"), reject: about("some") },
    ...{
      ids: { about: "some", query: "&segment=seg" },
      apply: about("some"),
      review: about("some"),
      withdraw: about("some")
    }
  },
  stream: { ticket: about("head") },
  keys: { create: about("all"), list: about("all"), rotate: about("all"), revoke: about("all") },
  access: {
    ...{ whoami: about("head"), exchange: about("head"), grants: about("all") },
    canI: { about: "head", query: "&permission=config.read" }
  },
  limits: { show: about("some") },
  audit: { list: about("keys of config"), verify: about("all"), export: about("all"), key: about("all") },
  signIn: { offer: about("head") },
  errors: { explain: about("head") }
}

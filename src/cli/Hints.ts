/**
 * What to do about a refusal, in the words of the verb and of the target that were refused: the catalogue's row knows neither. Pure.
 *
 *   HZ1  What was typed as a flag is called by that flag, and not by the field of the API that it became.
 */
import { catalogue, type ErrorName } from "../errors/Catalogue.ts"
import { CliFailure } from "./CliFailure.ts"
import type { Target } from "./Target.ts"

type Hints = Partial<Record<ErrorName, string>>

const byVerb: Readonly<Record<string, Hints>> = {
  apply: {
    VersionConflict: "Somebody changed it since the plan was made: run herald apply again, and look at the new plan."
  },
  promote: {
    VersionConflict: "Somebody changed it since the plan was made: run herald promote again, and look at the new plan."
  },
  delete: {
    VersionConflict:
      "See what changed with herald history; if it should go all the same, delete with --expected-version of the current version."
  },
  edit: { VersionConflict: "Somebody published meanwhile: run herald edit again, it opens the current version." },
  release: {
    VersionConflict: "Correct expectedVersion of the change in the file, or leave it out.",
    SchemaViolation: "Correct the value in the file at the path that the message names."
  },
  flag: {
    NotFound: "See which flags there are: herald flag list; and which versions one has: herald flag history <flag>."
  },
  segment: {
    NotFound:
      "See which segments there are: herald segment list; and which versions one has: herald segment history <segment>."
  },
  rollout: {
    NotFound:
      "See which there are: herald rollout list --state all; of plans herald rollout plan list; of keys herald list, of flags herald flag list."
  },
  experiment: {
    NotFound: "See which experiments there are: herald experiment list; and which flags: herald flag list."
  },
  schedule: { NotFound: "See which scheduled changes there are: herald schedule list --state all." },
  key: { NotFound: "See which API keys there are, and their ids: herald key list." },
  change: {
    NotFound: "See which there are: herald change list --state all; give --env, if it is of another environment."
  },
  protect: { NotFound: "See which there are: herald protect list; give --env, if it is of another environment." },
  market: {
    NoMarketData:
      "See which there are: herald market symbols. Write symbols as the feed does, AAPL is not aapl; bars are made of topics below MARKET_DATA_TOPICS."
  },
  clients: { RateLimited: "Wait; or ask for less: --service, --key, --env." },
  status: { RateLimited: "Wait; or ask for less: --service, --env." }
}
const reads = new Set(["get", "list", "history", "diff", "explain", "audit", "env", "export", "compare"])

/** `verb`: as it is typed. */
export const fitting = (verb: string, failure: CliFailure): CliFailure => {
  const row = Object.entries(catalogue).find(([, { code }]) => code === failure.code)
  if (row === undefined) return failure
  const [name, { fix: usual }] = row as [ErrorName, (typeof catalogue)[ErrorName]]
  // Only the catalogue's own words give way: whatever knew more said more.
  const all = failure.fix.split("\n")
  const at = all.indexOf(usual)
  const hint =
    byVerb[verb]?.[name] ??
    (name === "RateLimited" && reads.has(verb) ? "Wait for the time that the server asks for." : undefined)
  if (hint === undefined || at < 0) return failure
  return new CliFailure({ ...failure, fix: all.with(at, hint).join("\n") })
}

/** Fields of the API whose flag has another name. */
const flagOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  route: { source: "from", target: "to", condition: "when", start: "earliest" },
  subscription: { consumerGroup: "group", ackTimeoutMillis: "ack-timeout", backoffMillis: "backoff" },
  market: { start_time: "start", end_time: "end", exchanges: "exchange", currencies: "currency", topics: "topic" }
}

/** HZ1. `args`: as they were typed. */
export const inFlags = (verb: string, args: ReadonlyArray<string>, failure: CliFailure): CliFailure => {
  const [said, field = ""] = /^(?:query )?([A-Za-z]\w*): /.exec(failure.what) ?? []
  if (said === undefined) return failure
  const dashed = field.replace(/_/g, "-").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const flag = `--${flagOf[verb]?.[field] ?? dashed}`
  if (!args.some((arg) => arg === flag || arg.startsWith(`${flag}=`))) return failure
  const fix = failure.fix === catalogue.InvalidInput.fix ? `Correct ${flag}.` : failure.fix
  return new CliFailure({ ...failure, what: `${flag}: ${failure.what.slice(said.length)}`, fix })
}

const SECRET = /^--(token|break-glass)(=|$)/
export const quoted = (arg: string): string =>
  /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`

/** What to type so that somebody else can approve it: the same, without what is secret. `args`: as they were typed. */
export const asking = (args: ReadonlyArray<string>, failure: CliFailure): CliFailure => {
  if (failure.code !== catalogue.ApprovalRequired.code) return failure
  if (args[0] === "change")
    return new CliFailure({ ...failure, fix: "See who has approved it: herald change show <id>; others still may." })
  const typed = args.filter(
    (arg, at) =>
      arg !== "--dry-run" && !SECRET.test(arg) && !(SECRET.test(args[at - 1] ?? "") && !args[at - 1]?.includes("="))
  )
  const fix = `Ask for it: herald change request ${typed.map(quoted).join(" ")}\nIn an emergency an admin breaks the glass: --break-glass "why".`
  return new CliFailure({ ...failure, fix })
}

const LEFT_OUT = "With no admin's token left: `herald key recover` on the server's host."

/** TA5 */
export const signedIn = (target: Target, failure: CliFailure): CliFailure =>
  failure.code === catalogue.Unauthenticated.code && target.tokenless !== undefined
    ? new CliFailure({ ...failure, fix: `${target.tokenless}\n${LEFT_OUT}` })
    : failure

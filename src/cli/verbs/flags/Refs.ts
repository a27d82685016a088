/** `herald flag refs`: where source code names flags, which ones it does not, and which it asks for that are none. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { FlagList } from "../../../edge/http/flags/Wire.ts"
import type { FlagRefs, Scan } from "../../../edge/http/refs/Wire.ts"
import { FILE, REFS } from "../../../refs/Ref.ts"
import { printable } from "../../../text/Printable.ts"
import type { Checkout } from "../../Checkout.ts"
import { CliFailure, usage } from "../../CliFailure.ts"
import { env, type Invocation, invocation, optionalText, yes } from "../../Globals.ts"
import type { Paint } from "../../Paint.ts"
import { Shell } from "../../Shell.ts"
import { pathOf } from "./Changing.ts"
import { repositoryOf, scan } from "./Scan.ts"

const PAGE = 1_000
/** Places that are told in all; a checkout with more is told of as far as they go. */
const PLACES = 1_000_000
/** Files at the same time. */
const ABREAST = 16

interface Place {
  readonly file: string
  readonly line: number
}

interface Found {
  readonly environment: string
  readonly files: number
  /** Binary, larger than 1 MiB, or no regular file. */
  readonly skipped: number
  readonly flags: ReadonlyArray<{ readonly flag: string; readonly refs: ReadonlyArray<Place> }>
  readonly unused: ReadonlyArray<string>
  readonly unknown: ReadonlyArray<Place & { readonly name: string }>
}

const namesOf = Effect.fnUntraced(function* (here: Invocation, environment: string) {
  const names = new Set<string>()
  let after: string | undefined
  do {
    const query = { environment, limit: PAGE, after }
    const page = (yield* here.call({ method: "GET", path: "/v1/flags", query })).body as FlagList
    for (const { flag } of page.flags) names.add(flag)
    after = page.next ?? undefined
  } while (after !== undefined)
  return names
})

const search = Effect.fnUntraced(function* (
  { files, read }: Checkout,
  environment: string,
  names: ReadonlySet<string>
) {
  const refs = new Map(Array.from(names, (name) => [name, [] as Array<Place>]))
  const unknown: Array<Place & { readonly name: string }> = []
  let [skipped, places] = [0, 0]
  for (let at = 0; at < files.length && places < PLACES; at += ABREAST) {
    const some = files.slice(at, at + ABREAST)
    const texts = yield* Effect.forEach(some, read, { concurrency: ABREAST })
    for (const [index, text] of texts.entries()) {
      const file = some[index]!
      if (text === undefined) {
        skipped++
        continue
      }
      const { uses, asked } = scan(text, names)
      for (const { name, line } of uses) refs.get(name)!.push({ file, line })
      for (const { name, line } of asked) if (!names.has(name)) unknown.push({ name, file, line })
      places += uses.length + asked.length
    }
  }
  const all = [...refs].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    environment,
    files: files.length,
    skipped,
    flags: all.flatMap(([flag, its]) => (its.length === 0 ? [] : [{ flag, refs: its }])),
    unused: all.flatMap(([flag, its]) => (its.length === 0 ? [flag] : [])),
    unknown
  } satisfies Found
})

const placeOf = ({ file, line }: Place): string => printable(`${file}:${line}`)
const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`

const shown = (found: Found, only: { readonly unused: boolean; readonly unknown: boolean }, paint: Paint): string => {
  const { flags, unused, unknown, files, skipped, environment } = found
  const lines: Array<string> = []
  const all = !only.unused && !only.unknown
  if (all)
    for (const { flag, refs } of flags)
      lines.push(paint.bold(printable(flag)), ...refs.map((ref) => `  ${placeOf(ref)}`))
  if (all || only.unused)
    for (const flag of unused) lines.push(`${paint.bold(printable(flag))} ${paint.yellow("is not named anywhere")}`)
  if (all || only.unknown)
    for (const one of unknown)
      lines.push(`${paint.bold(printable(one.name))} ${paint.red("is no flag")} ${placeOf(one)}`)
  const places = flags.reduce((sum, { refs }) => sum + refs.length, 0)
  lines.push(
    paint.dim(
      `${counted(flags.length, "flag")} of ${printable(environment)} in ${counted(places, "place")}, ${unused.length} nowhere, ` +
        `${counted(unknown.length, "place")} with a name that is no flag; ${counted(files, "file")}, ${skipped} of them skipped`
    )
  )
  return lines.join("\n")
}

/** As many places of each flag as fit when all are told. */
const fitting = (flags: Found["flags"]) => {
  const places = flags.map(({ flag, refs }) =>
    refs.flatMap(({ file, line }) => (file.length > FILE ? [] : [{ flag, file, line }]))
  )
  let each = REFS
  while (places.reduce((sum, its) => sum + Math.min(its.length, each), 0) > REFS) each = Math.floor(each / 2)
  return places.flatMap((its) => its.slice(0, each))
}

const post = Effect.fnUntraced(function* (
  here: Invocation,
  { environment, flags }: Found,
  { origin, branch: its, commit }: Checkout,
  given: { readonly repository: string | undefined; readonly branch: string | undefined }
) {
  const shell = yield* Shell
  const repository = given.repository ?? repositoryOf(origin)
  const branch = given.branch ?? (its || shell.env["GITHUB_REF_NAME"] || shell.env["CI_COMMIT_REF_NAME"] || "")
  if (repository === "")
    return yield* usage("git knows no origin of this folder", "Say which repository it is, with --repository.")
  if (branch === "") return yield* usage("git knows no branch of this folder", "Say which branch it is, with --branch.")
  const refs = fitting(flags)
  const { body } = yield* here.call({
    method: "PUT",
    path: "/v1/refs",
    query: { environment, repository, branch },
    body: { ...(commit === "" ? {} : { commit }), refs }
  })
  const left = flags.reduce((sum, one) => sum + one.refs.length, 0) - refs.length
  const told = body as Scan
  yield* shell.progress(
    `told ${counted(told.refs, "place")} of ${printable(told.repository)} (${printable(told.branch)})${left === 0 ? "" : `, and left ${left} out`}`
  )
})

/** Places that `herald flag get` tells. */
const FEW = 10
const NONE: FlagRefs = { refs: [], more: false }

/** Where code names a flag, as the server was told; none where it can't say. */
export const placesOf = (here: Invocation, environment: string, flag: string) =>
  here.call({ method: "GET", path: pathOf(flag, "/refs"), query: { environment, limit: FEW } }).pipe(
    Effect.map(({ body }) => body as FlagRefs),
    Effect.orElseSucceed(() => NONE)
  )

export const inCode = ({ refs, more }: FlagRefs): string =>
  refs.map(({ repository, branch, file, line }) => `${repository} (${branch}) ${file}:${line}`).join(", ") +
  (more ? ", and in more places" : "")

export const refsVerb = Command.make(
  "refs",
  {
    folder: Argument.String("folder").pipe(
      Argument.withDescription("A checkout; this folder unless given"),
      Argument.withDefault(".")
    ),
    env,
    unused: yes("unused", "Only flags that are not named anywhere; exit code 3 if there is one"),
    unknown: yes(
      "unknown",
      "Only names that OpenFeature is asked for and that are no flag; exit code 3 if there is one"
    ),
    post: yes("post", "Tell the server the places, in the place of what this branch told before"),
    repository: optionalText("repository", "With --post: its name; otherwise git's origin, without a password", "name"),
    branch: optionalText("branch", "With --post: its name; otherwise git's", "name")
  },
  Effect.fn("Flag.refs")(function* ({ folder, env, unused, unknown, post: posts, repository, branch }) {
    const shell = yield* Shell
    const here = yield* invocation
    const environment = here.environment(env)
    const checkout = yield* shell.checkout(folder)
    const found = yield* search(checkout, environment, yield* namesOf(here, environment))
    if (!checkout.git)
      yield* shell.progress("git knows nothing of this folder: what it would ignore was looked at, too")
    if (checkout.more) yield* shell.progress("there are more than 200,000 files: the others were not looked at")
    if (posts) yield* post(here, found, checkout, { repository, branch })
    yield* here.emit(found, (paint) => shown(found, { unused, unknown }, paint))
    const [without, strange] = [unused ? found.unused.length : 0, unknown ? found.unknown.length : 0]
    if (without + strange === 0) return
    return yield* new CliFailure({
      code: "",
      title: "Flags and code don't fit each other",
      what: [
        ...(without === 0 ? [] : [`${counted(without, "flag")} named nowhere`]),
        ...(strange === 0 ? [] : [`${counted(strange, "place")} with a name that is no flag`])
      ].join(", "),
      why: "A flag was made or archived, and the code not changed with it, or the other way round.",
      fix: "Archive what nobody needs (herald flag archive), make what is missing (herald flag create), or correct its name.",
      exit: 3,
      trace: "",
      retryable: false,
      retryAfter: 0
    })
  })
).pipe(
  Command.withDescription("Find where a checkout names flags: whole names between quotation marks, in any language"),
  Command.withExamples([
    { command: "herald flag refs --unused --unknown", description: "In a pipeline: what does not fit" },
    { command: "herald flag refs src --post", description: "So that whoever archives a flag sees where it is" }
  ])
)

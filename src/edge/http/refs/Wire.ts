/** Where code names flags, as JSON. */
import { Schema } from "effect"
import * as Model from "../../../refs/Ref.ts"
import { Environment, FlagName, Stamp, stamp, Whole } from "../Wire.ts"

const shown = (maxLength: number) =>
  Schema.String.check(
    Schema.makeFilter<string>(() => undefined, {
      toJsonSchema: () => ({ minLength: 1, maxLength, pattern: "^[^\\u0000-\\u001f\\u007f]*$" })
    })
  )

/** `host/owner/name`: no address, and nothing secret. */
export const Repository = shown(Model.REPOSITORY).annotate({ examples: ["github.com/acme/shop"] })
export const Branch = shown(Model.BRANCH).annotate({ examples: ["main"] })
export const InEnvironment = { environment: Environment }

/** `line`: from 1. `file`: from the root of the repository. */
const Ref = Schema.Struct({
  flag: FlagName,
  file: shown(Model.FILE).annotate({ examples: ["src/checkout.ts"] }),
  line: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Model.LINE }))
}).annotate({ identifier: "Ref" })

export const RefsBody = Schema.Struct({
  commit: Schema.optionalKey(shown(Model.COMMIT)),
  refs: Schema.Array(Ref).check(
    Schema.makeFilter<ReadonlyArray<unknown>>(() => undefined, { toJsonSchema: () => ({ maxItems: Model.REFS }) })
  )
}).annotate({
  identifier: "RefsBody",
  examples: [{ commit: "4f2c1d0", refs: [{ flag: "new-checkout", file: "src/checkout.ts", line: 12 }] }]
})

const source = { repository: Schema.String, branch: Schema.String, commit: Schema.String }
const told = { toldAt: Schema.Finite, toldTime: Stamp }

/** What a repository told of a branch. `refs`: how many places. */
export const Scan = Schema.Struct({
  environment: Schema.String,
  ...source,
  ...told,
  toldBy: Schema.String,
  refs: Whole
}).annotate({ identifier: "Scan" })
export type Scan = typeof Scan.Type

export const Scans = Schema.Struct({ scans: Schema.Array(Scan) }).annotate({ identifier: "Scans" })
export type Scans = typeof Scans.Type

/** `more`: there are further places. */
export const FlagRefs = Schema.Struct({
  refs: Schema.Array(Schema.Struct({ ...source, file: Schema.String, line: Whole, ...told })),
  more: Schema.Boolean
}).annotate({ identifier: "FlagRefs" })
export type FlagRefs = typeof FlagRefs.Type

export const scan = ({ at, by, ...rest }: Model.Scan): Scan => ({
  environment: rest.environment,
  repository: rest.repository,
  branch: rest.branch,
  commit: rest.commit,
  toldAt: at,
  toldTime: stamp(at),
  toldBy: by,
  refs: rest.refs
})

export const found = ({ repository, branch, commit, file, line, at }: Model.Found): FlagRefs["refs"][number] => ({
  repository,
  branch,
  commit,
  file,
  line,
  toldAt: at,
  toldTime: stamp(at)
})

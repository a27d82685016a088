/** What is said of symbols of which nobody told so far: a misspelt one does not look like silence. */
import * as Effect from "effect/Effect"
import type { List } from "../../../edge/http/marketdata/Wire.ts"
import { nearby } from "../../../text/Nearest.ts"
import { printable } from "../../../text/Printable.ts"
import { invocation } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"

/** Symbols among which one is looked for that may have been meant. */
const PAGE = 1_000

/** Says it beside what is shown. Where nobody can tell which there are, nothing is said. */
export const sayUnheard = Effect.fn("Market.unheard")(
  function* (symbols: ReadonlyArray<string>) {
    const here = yield* invocation
    const shell = yield* Shell
    const listed = (prefix: string, limit: number) =>
      Effect.map(here.call({ method: "GET", path: "/v1/market-data", query: { prefix, limit } }), ({ body }) =>
        (body as typeof List.Type).data.map(({ symbol }) => symbol)
      )
    let known: ReadonlySet<string> | undefined
    for (const symbol of symbols) {
      // What begins with it begins with itself.
      if ((yield* listed(symbol, 1))[0] === symbol) continue
      known ??= new Set(yield* listed("", PAGE))
      const [near] = nearby(symbol, known, 1)
      const meant = near === undefined ? "" : `; is ${printable(near)} meant?`
      yield* shell.progress(`there is no ${printable(symbol)} so far${meant} (herald market symbols)`)
    }
  },
  (said) => Effect.ignore(said)
)

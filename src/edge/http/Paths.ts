/**
 * Knows which paths there are and their methods, for requests that no route takes. Pure.
 *
 *   HM1  A path that is known answers every method: with 405 and what it allows where it has no route for it, OPTIONS with what it allows.
 *   HM2  A path that is not known is told which is near.
 *   HM3  A path or query that can't be decoded is refused as that, never taken as other text; and so is one with NUL, which no text here has.
 */
import { FindMyWay } from "effect/http"
import type { HttpApi, HttpApiGroup } from "effect/http-api"
import { within } from "../../text/Nearest.ts"

/** A method and a path such as `/v1/config/:key`. */
type Route = readonly [method: string, path: string]

export interface Paths {
  /** Methods that the path of a request allows, in alphabetical order; undefined for an unknown path. HM1 */
  readonly allowed: (url: string) => ReadonlyArray<string> | undefined
  /** A path that may have been meant, such as `/v1/config/{key}`; undefined when none is near. HM2 */
  readonly near: (url: string) => string | undefined
}

export const routesIn = (api: HttpApi.HttpApi<string, HttpApiGroup.Constraint>): ReadonlyArray<Route> =>
  Object.values(api.groups).flatMap((group) =>
    Object.values(group.endpoints).map((endpoint): Route => {
      const { method, path } = endpoint as unknown as { readonly method: string; readonly path: string }
      return [method, path]
    })
  )

const pathOf = (url: string) => url.split(/[?;#]/, 1)[0] ?? ""
const partsOf = (path: string) => path.split("/").filter((part) => part !== "")
/** A word of the asked path that a path has, wherever it stands. */
const hasWord = (asked: ReadonlyArray<string>, known: ReadonlyArray<string>): boolean =>
  known.some((part, at) => at > 0 && !part.startsWith(":") && part !== "v1" && asked.includes(part))

/** `/v1/config/{key}`: a path as the OpenAPI document writes it. */
const shown = (path: string) => path.replace(/:(\w+)/g, "{$1}")

/** Characters of an asked path that are compared. */
const LONGEST = 512
const MOST_PARTS = 8
/** Wrong characters of a path that is still near. */
const NEAR = 6
/** Wrong characters of a path that was misspelt, and is no other one. */
const SURE = 2

/** Words that are this wrong are others. */
const otherWord = (word: string): number => Math.floor((word.length * 2) / 3)

/** How many characters are wrong, where what stands for a parameter is right whatever it is; more than `NEAR` is not counted. */
const wrongIn = (asked: ReadonlyArray<string>, known: ReadonlyArray<string>): number => {
  let wrong = Math.abs(asked.length - known.length) * 3
  for (const [at, part] of known.entries()) {
    if (wrong > NEAR) return wrong
    if (part.startsWith(":") || at >= asked.length) continue
    const its = within(asked[at]!, part, NEAR - wrong)
    wrong += its > otherWord(part) ? NEAR + 1 : its
  }
  return wrong
}

export const pathsOf = (routes: ReadonlyArray<Route>, config: Partial<FindMyWay.RouterConfig>): Paths => {
  const methods = new Map<string, Set<string>>()
  for (const [method, path] of routes) methods.set(path, (methods.get(path) ?? new Set(["OPTIONS"])).add(method))
  const router = FindMyWay.make<ReadonlyArray<string>>(config)
  for (const [path, its] of methods) {
    if (its.has("GET")) its.add("HEAD")
    router.on("GET", path as FindMyWay.PathInput, [...its].sort())
  }
  const known = [...methods.keys()]
    .map((path) => ({ path, parts: partsOf(path) }))
    .filter(({ parts }) => parts.length > 0)
  return {
    allowed: (url) => router.find("GET", url)?.handler,
    near: (url) => {
      const path = pathOf(url)
      const asked = partsOf(path).map((part) => part.toLowerCase())
      if (path.length > LONGEST || asked.length > MOST_PARTS) return undefined
      let best: ((typeof known)[number] & { readonly wrong: number }) | undefined
      for (const { path: one, parts } of known)
        for (const parted of [asked, ["v1", ...asked]]) {
          const wrong = wrongIn(parted, parts)
          if (wrong <= NEAR && wrong < (best?.wrong ?? Number.POSITIVE_INFINITY)) best = { path: one, parts, wrong }
        }
      // A word that another path has as it stands was meant rather than one that is merely like it.
      const isSure = best !== undefined && (best.wrong <= SURE || hasWord(asked, best.parts))
      const meant = isSure ? best : (known.find(({ parts }) => hasWord(asked, parts)) ?? best)
      return meant && shown(meant.path)
    }
  }
}

/** What is wrong with the first part of a URL that is no text. HM3 */
export const noText = (url: string): string | undefined => {
  if (!url.includes("%")) return undefined
  for (const part of url.split(/[/?&=;#]/)) {
    const said = part.slice(0, 100)
    try {
      if (decodeURIComponent(part).includes("\u0000"))
        return `${said} in the URL has NUL (%00), which no name and no text here has`
    } catch {
      return `${said} in the URL is no text: percent-encoding is of UTF-8`
    }
  }
  return undefined
}

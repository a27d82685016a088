/**
 * Finds flags in a source text, whatever its language. Pure.
 *
 *   GZ1  A flag is used where its whole name stands between two quotation marks of one kind, on one line.
 *   GZ2  What a call of OpenFeature asks for is the text in the place of its flag's name, and never its default value.
 */

export interface Place {
  readonly name: string
  /** From 1. */
  readonly line: number
}

export interface Scanned {
  /** Each flag once a line. */
  readonly uses: ReadonlyArray<Place>
  /** Names that OpenFeature is asked for. */
  readonly asked: ReadonlyArray<Place>
}

/** Characters of a name, and one that an escaped quotation mark has before it. */
const NAME = 101

const TYPE = "(?:boolean|bool|string|number|integer|int64|int|float64|float|double|object|structure|struct|json)"
const CONTEXT = "(?:ctx|context\\.\\w{1,40}\\(\\))\\s{0,80},\\s{0,80}"
const KEYWORD = "(?:(?:flag_?key|key)\\s{0,5}[:=]\\s{0,20})?"
/** getBooleanValue("a"), get_string_details(flag_key="a"), useFlag<T>("a"); in Go also client.Boolean(ctx, "a"). GZ2 */
const CALL = new RegExp(
  `(?:\\b(?:(?:get|fetch|resolve|use)_?${TYPE}_?(?:flag_?)?(?:value|details|evaluation)(?:_?details)?(?:async)?|use(?:suspense)?flag)` +
    `(?:<[^<>()\\n]{1,80}>)?\\s{0,20}\\(\\s{0,80}(?:${CONTEXT})?|\\.${TYPE}(?:value)?(?:details)?\\(\\s{0,80}${CONTEXT})` +
    `${KEYWORD}(["'\`])([^"'\`\\\\\\n]{1,100})\\1`,
  "gi"
)

/** Counts lines up to places that come in their order. */
const liner = (text: string) => {
  let [at, line] = [0, 1]
  return (place: number): number => {
    for (let next = text.indexOf("\n", at); next !== -1 && next < place; next = text.indexOf("\n", at)) {
      line++
      at = next + 1
    }
    return line
  }
}

export const scan = (text: string, names: ReadonlySet<string>): Scanned => {
  const uses: Array<Place> = []
  let line = liner(text)
  const seen = new Set<string>()
  let of = 0
  for (const { 0: mark, index } of text.matchAll(/["'`]/g)) {
    const within = text.slice(index + 1, index + 2 + NAME)
    const end = within.indexOf(mark)
    if (end < 1) continue
    const name = within.slice(0, within[end - 1] === "\\" ? end - 1 : end)
    if (!names.has(name)) continue
    const at = line(index)
    if (at !== of) seen.clear()
    of = at
    if (seen.has(name)) continue
    seen.add(name)
    uses.push({ name, line: at })
  }
  line = liner(text)
  const asked = Array.from(text.matchAll(CALL), ({ index, 0: call, 2: name }) => ({
    name: name!,
    line: line(index + call.length - 1)
  }))
  return { uses, asked }
}

/** `git@host:owner/name.git`, `https://user:secret@host/owner/name`: host/owner/name, without what is secret. */
export const repositoryOf = (origin: string): string =>
  origin
    .trim()
    .replace(/^[a-z+]+:\/\//i, "")
    .replace(/^[^/]*@/, "")
    .replace(/^([^/:]+):(?!\d+\/)/, "$1/")
    .replace(/(?:\.git)?\/*$/, "")

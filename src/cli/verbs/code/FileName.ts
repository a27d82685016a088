/**
 * The files in which a folder keeps what has a name: a key of an environment, `@flag/name` or `@segment/name`. Pure.
 *
 *   JF1  No two names have one file, also where a file system does not tell capital letters apart, and a file says its name by itself: what
 *        can't stand in a file's name is written as %2F.
 *   JF2  Each part of a path is a plain name on every system: none is `..` or hidden, a device of Windows, or longer than 216 bytes.
 *   JF3  A value comes back from its file as it was, whatever it ends with: the file has one line end more.
 */
import { isKey } from "../../../keys/Key.ts"
import { keyIn, kindIn, nameOf } from "../../../keys/Name.ts"
import type { ValueType } from "../../../values/ValueType.ts"

/** Kinds that a folder has besides configuration, each in a folder of its own. */
export const KINDS = ["flag", "segment"] as const
export const MANIFEST = "@manifest.yaml"
export const SCHEMAS = "@schema"

/** What the ending of a file says of the value in it. */
const types: Readonly<Record<string, ValueType>> = {
  ".json": "json",
  ".yaml": "yaml",
  ".yml": "yaml",
  ".txt": "string",
  ".number": "number",
  ".boolean": "boolean"
}
export const ENDINGS = Object.keys(types).join(", ")
const endingOf: Readonly<Record<ValueType, string>> = {
  json: ".json",
  yaml: ".yaml",
  string: ".txt",
  number: ".number",
  boolean: ".boolean"
}

/** Whether values can be of it. */
export const isType = (type: string): type is ValueType => Object.hasOwn(endingOf, type)

/** Characters of a part of a path, without its ending. JF2 */
const LONGEST = 200
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i

const escaped = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`

/** JF2 */
const plain = (part: string, ending: string): string =>
  part.startsWith(".") || DEVICE.test(part + ending) ? escaped(part[0]!) + part.slice(1) : part

/** The parts of a path: a part that ends with % goes on in the next. */
const partsOf = (key: string, apart: boolean, ending: string): ReadonlyArray<string> => {
  let rest = key.replace(/[/:]/g, escaped)
  // Folders of two long keys could be one where capitals are not told apart.
  if (apart || rest.length > LONGEST) rest = key.replace(/[/:A-Z]/g, escaped)
  const parts: Array<string> = []
  while (rest.length > LONGEST) {
    const broken = rest.slice(0, LONGEST).lastIndexOf("%")
    const end = broken > LONGEST - 3 ? broken : LONGEST
    parts.push(`${plain(rest.slice(0, end), "%")}%`)
    rest = rest.slice(end)
  }
  return [...parts, plain(rest, ending) + ending]
}

/** Path of a name's file in its environment's folder. `apart`: another name differs in its capitals alone. */
export const fileOf = (name: string, type: ValueType, apart: boolean): string => {
  const kind = kindIn(name)
  const parts = partsOf(keyIn(name), apart, kind === "" ? endingOf[type] : ".json")
  return [...(kind === "" ? [] : [`@${kind}`]), ...parts].join("/")
}

export const schemaFileOf = (key: string, apart: boolean): string =>
  [SCHEMAS, ...partsOf(key, apart, ".json")].join("/")

/** The folder of an environment. */
export const folderOf = (environment: string, apart: boolean): string => partsOf(environment, apart, "")[0]!

/**
 * The folder in which an environment is, or is to be, beside `others`; `clash`: that of another environment, which has the same name where capitals are not
 * told apart. JF1
 */
export const placeOf = (
  environment: string,
  others: ReadonlyArray<string>
): { readonly place: string; readonly clash: string | undefined } => {
  const its = others.find((one) => unescaped(one) === environment)
  const clashOf = (place: string) => others.find((one) => one !== its && one.toLowerCase() === place.toLowerCase())
  const places = its === undefined ? [folderOf(environment, false), folderOf(environment, true)] : [its]
  const place = places.find((one) => clashOf(one) === undefined) ?? places.at(-1)!
  return { place, clash: clashOf(place) }
}

/** Of these names, those that differ from another one in their capitals alone. JF1 */
export const apartIn = (names: Iterable<string>): ReadonlySet<string> => {
  const first = new Map<string, string>()
  const found = new Set<string>()
  for (const name of names) {
    const lower = name.toLowerCase()
    const other = first.get(lower)
    if (other === undefined) first.set(lower, name)
    else if (other !== name) found.add(name).add(other)
  }
  return found
}

/** The text without escapes; undefined where a % stands for nothing. */
export const unescaped = (text: string): string | undefined =>
  /%(?![0-9A-F]{2})/.test(text)
    ? undefined
    : text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

export type Named =
  | { readonly what: "value"; readonly name: string; readonly type: ValueType }
  | { readonly what: "schema"; readonly name: string }
  | { readonly what: "manifest" }

/** What a file in an environment's folder is; a text says why it is none. */
export const namedBy = (path: string): Named | string => {
  if (path === MANIFEST) return { what: "manifest" }
  const [first = "", ...more] = path.split("/")
  const kind = first.startsWith("@") && more.length > 0 ? first.slice(1) : ""
  if (first.startsWith("@") && !["schema", ...KINDS].includes(kind))
    return `there is nothing like ${first} in it: it may have ${MANIFEST}, @flag, @segment and ${SCHEMAS}`
  const parts = kind === "" ? [first, ...more] : more
  const file = parts.at(-1)!
  const dot = file.lastIndexOf(".")
  const ending = dot <= 0 ? "" : file.slice(dot)
  const type = Object.hasOwn(types, ending) ? types[ending] : undefined
  if (type === undefined || (kind !== "" && ending !== ".json"))
    return `its ending has to be ${kind === "" ? `one of ${ENDINGS}` : ".json"}`
  const folders = parts.slice(0, -1)
  if (folders.some((one) => !one.endsWith("%")))
    return "a folder in it has no key: a / of a key is written as %2F, and a folder that ends with % goes on in its files"
  const key = unescaped(folders.map((one) => one.slice(0, -1)).join("") + file.slice(0, dot))
  if (key === undefined || !isKey(key))
    return "its name is not a key: a / is written as %2F, a : as %3A, and besides these a key has letters, digits and . _ -"
  if (kind === "schema") return { what: "schema", name: key }
  return { what: "value", name: kind === "" ? key : nameOf(kind, key), type: kind === "" ? type : "json" }
}

/** JF3. A line end of Windows behind a value that ends with half of one. */
export const textOf = (value: string): string => `${value}${value.endsWith("\r") ? "\r\n" : "\n"}`

/** JF3. An editor's last line end is none of the value's. */
export const valueIn = (text: string): string => text.replace(/\r?\n$/, "")

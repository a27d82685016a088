/**
 * Applies a JSON Patch (RFC 6902) to parsed JSON. Pure.
 *
 *   JP1  A patch applies whole or throws, and the document that comes in is not changed.
 *   JP2  A patch can't reach a prototype.
 */
type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json }
type Box = { [name: string]: unknown } | Array<unknown>

export interface Operation {
  readonly op: string
  readonly path: string
  readonly from?: string
  readonly value?: unknown
}

/** The parts of a JSON Pointer: https://www.rfc-editor.org/rfc/rfc6901 */
const tokens = (pointer: string): Array<string> => {
  if (pointer === "") return []
  if (typeof pointer !== "string" || pointer[0] !== "/") throw new Error(`"${pointer}" is not a JSON Pointer`)
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
}

const has = (box: unknown, token: string): boolean =>
  Array.isArray(box)
    ? /^(0|[1-9]\d*)$/.test(token) && Number(token) < box.length
    : typeof box === "object" && box !== null && Object.hasOwn(box, token)

const read = (root: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((box, token) => {
    if (!has(box, token)) throw new Error(`nothing is at "/${path.join("/")}"`)
    return (box as Record<string, unknown>)[token]
  }, root)

const put = (box: unknown, token: string, value: unknown, insert: boolean): void => {
  if (typeof box !== "object" || box === null) throw new Error(`"${token}" has no parent`)
  if (token === "__proto__") throw new Error("a patch can't set __proto__") // JP2
  if (!Array.isArray(box)) {
    if (!insert && !has(box, token)) throw new Error(`"${token}" does not exist`)
    ;(box as Record<string, unknown>)[token] = value
    return
  }
  const index = token === "-" && insert ? box.length : Number(token)
  if (!(token === "-" && insert) && !/^(0|[1-9]\d*)$/.test(token)) throw new Error(`"${token}" is not an index`)
  if (index > box.length - (insert ? 0 : 1)) throw new Error(`index ${index} is out of range`)
  box.splice(index, insert ? 0 : 1, value)
}

const cut = (box: unknown, token: string): unknown => {
  if (!has(box, token)) throw new Error(`"${token}" does not exist`)
  if (Array.isArray(box)) return box.splice(Number(token), 1)[0]
  const value = (box as Record<string, unknown>)[token]
  delete (box as Record<string, unknown>)[token]
  return value
}

const same = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b) || a === b) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) =>
        Object.hasOwn(b, name) && same((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])
    )
  )
}

/** The document after the patch. JP1 */
export const applyPatch = (document: unknown, patch: ReadonlyArray<Operation>): Json =>
  applyTo(structuredClone(document), patch)

/** The same, but changes the document itself. When it throws, part of the patch may have been applied. */
export const applyTo = (document: unknown, patch: ReadonlyArray<Operation>): Json => {
  let root = document
  const set = (path: ReadonlyArray<string>, value: unknown, insert: boolean) => {
    if (path.length === 0) root = value
    else put(read(root, path.slice(0, -1)), path.at(-1)!, value, insert)
  }
  for (const operation of patch) {
    const path = tokens(operation.path)
    switch (operation.op) {
      case "add":
        set(path, structuredClone(operation.value), true)
        break
      case "replace":
        set(path, structuredClone(operation.value), false)
        break
      case "remove":
        if (path.length === 0) root = null
        else cut(read(root, path.slice(0, -1)) as Box, path.at(-1)!)
        break
      case "copy":
        set(path, structuredClone(read(root, tokens(operation.from!))), true)
        break
      case "move": {
        const from = tokens(operation.from!)
        if (from.length === 0) throw new Error("the root can't be moved")
        set(path, cut(read(root, from.slice(0, -1)), from.at(-1)!), true)
        break
      }
      case "test":
        if (!same(read(root, path), operation.value)) throw new Error(`the test at "${operation.path}" failed`)
        break
      default:
        throw new Error(`"${operation.op}" is not a JSON Patch operation`)
    }
  }
  return root as Json
}

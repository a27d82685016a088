/** Reads the settings file, YAML, into places such as `http.port` with the line of each. Pure. */
import * as Result from "effect/Result"
import { isAlias, isMap, isScalar, LineCounter, parseDocument } from "yaml"
import { nearest } from "../text/Nearest.ts"
import { settings } from "./Catalogue.ts"
import type { Raw } from "./Form.ts"

export interface Placed {
  readonly raw: Raw
  readonly line: number
}

const places = settings.map(({ path }) => path)

/** Values by place. Fails with what is wrong, where, and what would be right. QS2 */
export const readSettingsFile = (path: string, content: string): Result.Result<Map<string, Placed>, string> => {
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false })
  const broken = document.errors[0]
  if (broken !== undefined) {
    const { line } = lines.linePos(broken.pos[0])
    return Result.fail(`the settings file ${path} can't be read: line ${line}: ${broken.message}`)
  }
  const flat = new Map<string, Placed>()
  const visit = (node: unknown, place: string, line: number): string | undefined => {
    const where = `in ${path}, line ${line}`
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const at = (key as { range?: [number, number, number] | null }).range?.[0]
        const name = isScalar(key) ? String(key.value) : String(key)
        const problem = visit(
          value,
          place === "" ? name : `${place}.${name}`,
          at === undefined ? line : lines.linePos(at).line
        )
        if (problem !== undefined) return problem
      }
      return undefined
    }
    if (node === null || (isScalar(node) && node.value === null)) return undefined
    if (isAlias(node)) return `an alias ${where}: write the value out`
    if (!places.includes(place))
      return `unknown setting ${place || "(the whole file)"} ${where}: did you mean ${nearest(place, places)}?`
    if (!isScalar(node)) return `${place} must be a single value: ${where}`
    flat.set(place, { raw: node.value as Raw, line })
    return undefined
  }
  const problem = visit(document.contents, "", 1)
  return problem === undefined ? Result.succeed(flat) : Result.fail(problem)
}

/**
 * Reads YAML 1.2 (core schema) as JSON. Pure.
 *
 *   Y1  The reader runs on the thread that delivers, so what is slow to read is refused before it is read.
 *   Y2  Aliases may not multiply; a key may not appear twice in a map.
 */
import { Result } from "effect"
import { type Document, isScalar, parseDocument, visit } from "yaml"

/** Characters. Y1: reading 128 KiB takes about 50 ms. */
export const YAML_LIMIT = 262_144
const ALIASES = 32
/** Y1: the reader takes more than quadratic time for chains of explicit keys (yaml 2.9.1). */
const EXPLICIT_KEY = /^[ \t]*(?:[-:][ \t]+)*\?(?:\s|$)/m
const INDICATORS = /(?:[?\-:][ \t]+){16}/

export const parseYaml = (text: string): Result.Result<unknown, string> => {
  if (text.length > YAML_LIMIT) return Result.fail(`YAML may have at most ${YAML_LIMIT} characters; publish it as json`)
  if (EXPLICIT_KEY.test(text)) return Result.fail("explicit keys (`? key`) are not supported")
  if (INDICATORS.test(text)) return Result.fail("a line of it opens more than 15 collections")
  try {
    const document = parseDocument(text, {
      version: "1.2",
      schema: "core",
      uniqueKeys: false,
      stringKeys: true,
      logLevel: "error",
      prettyErrors: false // Y1
    })
    const error = document.errors[0] ?? document.warnings[0]
    if (error !== undefined)
      return Result.fail(`it is not YAML that JSON can express: ${error.message}${placeOf(text, error.pos[0])}`)
    const twice = duplicate(document)
    if (twice !== undefined) return Result.fail(`the key ${JSON.stringify(twice)} appears twice in one map`)
    return Result.succeed(document.toJS({ maxAliasCount: ALIASES }) ?? null)
  } catch (error) {
    if (error instanceof RangeError) return Result.fail("it is nested too deep")
    if (error instanceof ReferenceError) return Result.fail(`its aliases expand too far: ${error.message}`)
    return Result.fail(`it is not YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** " at line 1, column 2:", for one error only: the library does it for all, each by a copy of its line. */
const placeOf = (text: string, at: number): string => {
  if (at < 0) return ""
  const before = text.slice(0, at).split("\n")
  return ` at line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`
}

const duplicate = (document: Document): string | undefined => {
  let found: string | undefined
  visit(document, {
    Map: (_, map) => {
      const names = new Set<string>()
      for (const { key } of map.items) {
        const name = String(isScalar(key) ? key.value : key)
        if (names.has(name)) {
          found = name
          return visit.BREAK
        }
        names.add(name)
      }
      return undefined
    }
  })
  return found
}

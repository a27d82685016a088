/** What a parser says of a TypeScript file: its comments, its imports, its tests. Pure. */
import { posix } from "node:path"
import { parseSync, Visitor } from "rolldown/utils"

const parsed = (file: string, text: string) => {
  const result = parseSync(file, text, { lang: "ts" })
  if (result.errors.length > 0) throw new Error(`${file} can't be parsed: ${result.errors[0]!.message}`)
  return result
}

/** The texts of all comments, without what opens and closes them. */
export const commentsOf = (file: string, text: string): ReadonlyArray<string> =>
  parsed(file, text).comments.map(({ value }) => value)

export interface Import {
  /** A path from the root, or the name of a package. */
  readonly to: string
  /** The names that are taken, as their module has them; `*` for all of it. */
  readonly names: ReadonlyArray<string>
  /** Nothing of it is there when the program runs. */
  readonly typeOnly: boolean
}

/** What stands for a folder of the root in an import (`imports` of package.json). */
const ALIASES: ReadonlyArray<readonly [string, string]> = [
  ["#src/", "src/"],
  ["#layers/", "layers/"],
  ["#proto/", "proto/generated/"],
  ["#test/", "test/"]
]

const resolved = (file: string, to: string): string => {
  if (to.startsWith(".")) return posix.normalize(posix.join(posix.dirname(file), to))
  const alias = ALIASES.find(([name]) => to.startsWith(name))
  return alias === undefined ? to : `${alias[1]}${to.slice(alias[0].length)}`
}

/** What a file imports, hands on (`export … from`), or imports while it runs. */
export const importsOf = (file: string, text: string): ReadonlyArray<Import> => {
  const { module } = parsed(file, text)
  const imports: Array<Import> = []
  for (const { moduleRequest, entries } of module.staticImports)
    imports.push({
      to: resolved(file, moduleRequest.value),
      names: entries.filter(({ isType }) => !isType).map(({ importName }) => importName.name ?? "*"),
      typeOnly: entries.length > 0 && entries.every(({ isType }) => isType)
    })
  for (const { entries } of module.staticExports)
    for (const { moduleRequest, importName, isType } of entries)
      if (moduleRequest !== null)
        imports.push({ to: resolved(file, moduleRequest.value), names: [importName.name ?? "*"], typeOnly: isType })
  for (const { moduleRequest } of module.dynamicImports) {
    const to = /^["'](.*)["']$/.exec(text.slice(moduleRequest.start, moduleRequest.end))?.[1]
    if (to !== undefined) imports.push({ to: resolved(file, to), names: ["*"], typeOnly: false })
  }
  return imports
}

/** The names of what a file gives that is there when the program runs; `*` for all of another module. */
export const exportsOf = (file: string, text: string): ReadonlyArray<string> =>
  parsed(file, text)
    .module.staticExports.flatMap(({ entries }) => entries)
    .filter(({ isType }) => !isType)
    .map(({ exportName }) => exportName.name ?? (exportName.kind === "Default" ? "default" : "*"))

export interface Test {
  /** As it stands in the source: `${…}` where a template puts something in. */
  readonly title: string
  /** Titles of what it stands in, the outermost first. */
  readonly within: ReadonlyArray<string>
}

type Argument = Parameters<NonNullable<ConstructorParameters<typeof Visitor>[0]["CallExpression"]>>[0]["arguments"][0]

/** The text of a string, a template, or several that are put together; undefined for anything else. */
const titleOf = (node: Argument, source: string): string | undefined => {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined
  if (node.type === "TemplateLiteral")
    return node.quasis
      .map(({ value }, index) => {
        const hole = node.expressions[index]
        return `${value.cooked ?? value.raw}${hole === undefined ? "" : `\${${source.slice(hole.start, hole.end)}}`}`
      })
      .join("")
  if (node.type !== "BinaryExpression" || node.operator !== "+") return undefined
  const [left, right] = [titleOf(node.left as Argument, source), titleOf(node.right, source)]
  return left === undefined || right === undefined ? undefined : left + right
}

/** A name and what is done come after one another in `it("…", …)`, and in whatever helper a file has for it. */
const isTest = ({ arguments: given }: { readonly arguments: ReadonlyArray<Argument> }): boolean =>
  given
    .slice(1)
    .some(({ type }) => /^(ArrowFunctionExpression|FunctionExpression|Identifier|CallExpression)$/.test(type))

export const testsOf = (file: string, text: string): ReadonlyArray<Test> => {
  const tests: Array<Test> = []
  const within: Array<string> = []
  type Call = Parameters<NonNullable<ConstructorParameters<typeof Visitor>[0]["CallExpression"]>>[0]
  const titled = (call: Call): readonly [title: string, group: boolean] | undefined => {
    const name = text.slice(call.callee.start, call.callee.end)
    if (call.arguments.length < 2 || /^assert\b/.test(name) || !isTest(call)) return undefined
    const title = titleOf(call.arguments[0]!, text)
    return title === undefined ? undefined : [title, /^describe\b/.test(name)]
  }
  new Visitor({
    CallExpression: (call) => {
      const found = titled(call)
      if (found?.[1] === true) within.push(found[0])
      else if (found !== undefined) tests.push({ title: found[0], within: [...within] })
    },
    "CallExpression:exit": (call) => {
      if (titled(call)?.[1] === true) within.pop()
    }
  }).visit(parsed(file, text).program)
  return tests
}

export interface Call {
  readonly name: string
  /** Of each argument: a text, as `testsOf` gives titles; texts of an object's properties by name; undefined for what is no text. */
  readonly given: ReadonlyArray<string | Readonly<Record<string, string>> | undefined>
}

/** Calls (and `new`) of these names, `a.b` among them; a choice between texts is given as both with " | " between. */
export const callsOf = (file: string, text: string, names: ReadonlySet<string>): ReadonlyArray<Call> => {
  const calls: Array<Call> = []
  const said = (node: Argument): string | undefined => {
    if (node.type !== "ConditionalExpression") return titleOf(node, text)
    const both = [said(node.consequent), said(node.alternate)].filter((one) => one !== undefined)
    return both.length === 0 ? undefined : both.join(" | ")
  }
  const propertiesOf = (node: Extract<Argument, { readonly type: "ObjectExpression" }>) =>
    Object.fromEntries(
      node.properties.flatMap((one) => {
        if (one.type !== "Property") return []
        const value = said(one.value as Argument)
        return value === undefined ? [] : [[text.slice(one.key.start, one.key.end), value]]
      })
    )
  const note = (callee: { readonly start: number; readonly end: number }, given: ReadonlyArray<Argument>) => {
    const name = text.slice(callee.start, callee.end)
    if (!names.has(name)) return
    calls.push({ name, given: given.map((one) => (one.type === "ObjectExpression" ? propertiesOf(one) : said(one))) })
  }
  new Visitor({
    CallExpression: (call) => note(call.callee, call.arguments),
    NewExpression: (call) => note(call.callee, call.arguments)
  }).visit(parsed(file, text).program)
  return calls
}

/**
 * Lets a capability declare its settings: each with its name in the environment, its place in the file, what it may be, and its default, nested
 * as the options of what is made from them. Pure.
 */
import type { Form } from "./Form.ts"

export class Setting<A, B = A> {
  /** Its place in the file, such as `http.port`. */
  readonly path: string
  /** Its name in the environment. */
  readonly env: string
  readonly form: Form<A>
  readonly fallback: B

  constructor(path: string, env: string, form: Form<A>, fallback: B) {
    this.path = path
    this.env = env
    this.form = form
    this.fallback = fallback
  }
}

/** A group that is undefined as a whole when one of `needs` has no value. */
export class Optional<M extends Members, Need extends keyof M & string> {
  readonly needs: ReadonlyArray<Need>
  readonly members: M

  constructor(needs: ReadonlyArray<Need>, members: M) {
    this.needs = needs
    this.members = members
  }
}

// biome-ignore lint/suspicious/noExplicitAny: of whatever form
export type AnySetting = Setting<any, any>
// biome-ignore lint/suspicious/noExplicitAny: of whatever members
type Member = AnySetting | Optional<any, any> | Members
export interface Members {
  readonly [name: string]: Member
}

export const setting = <A, B = A>(path: string, env: string, form: Form<A>, fallback: B): Setting<A, B> =>
  new Setting(path, env, form, fallback)

/** A setting without a default. */
export const unset = <A>(path: string, env: string, form: Form<A>): Setting<A, A | undefined> =>
  new Setting<A, A | undefined>(path, env, form, undefined)

export const optional = <M extends Members, const Need extends keyof M & string>(
  needs: ReadonlyArray<Need>,
  members: M
): Optional<M, Need> => new Optional(needs, members)

type ValueOf<S> = S extends Setting<infer A, infer B> ? A | (undefined extends B ? undefined : never) : never

/** The values of all members, also of groups that are not there. */
export type ValuesOf<M> = {
  readonly [Name in keyof M]: M[Name] extends AnySetting
    ? ValueOf<M[Name]>
    : M[Name] extends Optional<infer Inner, infer _>
      ? ValuesOf<Inner>
      : ValuesOf<M[Name]>
}

type Present<M, Need> = {
  readonly [Name in keyof M]: Name extends Need ? Exclude<ShapeOf<M[Name]>, undefined> : ShapeOf<M[Name]>
}

/** What is made of a member: a value, an object of values, or undefined for a group that is not there. */
export type ShapeOf<M> = M extends AnySetting
  ? ValueOf<M>
  : M extends Optional<infer Inner, infer Need>
    ? Present<Inner, Need> | undefined
    : { readonly [Name in keyof M]: ShapeOf<M[Name]> }

export const listOf = (members: Members): ReadonlyArray<AnySetting> =>
  Object.values(members).flatMap((member) => {
    if (member instanceof Setting) return [member]
    return listOf(member instanceof Optional ? (member.members as Members) : member)
  })

/** `values`: by the place in the file. */
export const valuesOf = <M extends Members>(members: M, values: ReadonlyMap<string, unknown>): ValuesOf<M> =>
  Object.fromEntries(
    Object.entries(members).map(([name, member]) => {
      if (member instanceof Setting) return [name, values.get(member.path)]
      return [name, valuesOf(member instanceof Optional ? (member.members as Members) : member, values)]
    })
  ) as ValuesOf<M>

const shapeOfOne = (member: Member, values: ReadonlyMap<string, unknown>): unknown => {
  if (member instanceof Setting) return values.get(member.path)
  if (!(member instanceof Optional)) return shapeOf(member, values)
  const shape = shapeOf(member.members as Members, values) as Record<string, unknown>
  return member.needs.some((name) => shape[name] === undefined) ? undefined : shape
}

/** `values`: by the place in the file. */
export const shapeOf = <M extends Members>(members: M, values: ReadonlyMap<string, unknown>): ShapeOf<M> =>
  Object.fromEntries(Object.entries(members).map(([name, member]) => [name, shapeOfOne(member, values)])) as ShapeOf<M>

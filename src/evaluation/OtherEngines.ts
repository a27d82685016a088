/**
 * Says where the engines that evaluate a flag in applications would read its rule differently: flagd's own (Go, and all who ask a server of
 * theirs), and those that the providers of JavaScript, Python and Java have in process. Pure.
 *
 *   FR7  A warning says what differs and how to write it so that all agree. It never stops a publish, and Herald itself reads as `reads` says.
 */

import { excerpt } from "../text/Excerpt.ts"
import { type Problem, pointed } from "./Definition.ts"
import type { Json } from "./Json.ts"
import { TORN } from "./Lowering.ts"
import { argumentsOf, ITERATORS, operation } from "./Operators.ts"
import { COMPARISONS, isComparison, readVersion } from "./Version.ts"

/** Warnings of one rule. */
const MOST = 20
const OWN = new Set(["fractional", "sem_ver", "starts_with", "ends_with"])
const ORDERS = new Set(["<", "<=", ">", ">="])
const TRUTHS = new Set(["==", "===", "!=", "!==", "<", "<=", ">", ">=", "!", "!!", "in", "some", "all", "none"])

const isText = (value: unknown): value is string => typeof value === "string"
const named = (rule: unknown): string | undefined =>
  typeof rule === "object" && rule !== null && !Array.isArray(rule) ? operation(rule)?.[0] : undefined
const isNumeric = (text: string): boolean => text.trim() !== "" && !Number.isNaN(Number(text))

/** What of a rule is read differently, with its place. */
export const differences = (rule: Json, at = "/targeting"): ReadonlyArray<Problem> => {
  const found: Array<Problem> = []
  const warn = (place: string, problem: string): void => {
    if (found.length < MOST) found.push({ at: place, problem })
  }

  const variable = (place: string, name: unknown): void => {
    if (!isText(name)) return
    if (name.includes("../")) warn(place, "reads what is around the list: JavaScript alone does")
    if (name.includes("\\")) warn(place, "escapes a dot in a name: JavaScript alone does")
    if (name.split(".").slice(1).includes("length")) warn(place, "reads the length of something: JavaScript alone does")
  }

  const own = (name: string, args: ReadonlyArray<Json>, place: string, inside: boolean): void => {
    if (inside)
      warn(
        place,
        `asks ${name} of each element of a list: JavaScript's provider ends with an error there, Go's does not`
      )
    if (name === "sem_ver") {
      const [, comparison, right] = args
      if (isText(comparison) && !isComparison(comparison)) {
        warn(pointed(place, 1), `is ${excerpt(comparison)}, so it is never true: it is one of ${COMPARISONS.join(" ")}`)
      }
      if (isText(right) && readVersion(right) === undefined)
        warn(pointed(place, 2), `is ${excerpt(right)}, which is no version, so it is never true`)
    }
    if (name === "starts_with" || name === "ends_with") {
      for (const [index, one] of args.entries()) {
        const scalar = typeof one !== "object" || one === null
        if (scalar && !isText(one)) warn(pointed(place, index), "is no text, so it is never true")
      }
    }
    if (name === "fractional") {
      const [first] = args
      const by = named(first)
      if (by === "var") {
        const [attribute] = argumentsOf((first as Readonly<Record<string, unknown>>)["var"])
        if (attribute !== "targetingKey") {
          warn(
            pointed(place, 0),
            "is an attribute that may be missing: the default variant is served then, and by Go's engine the bucket of the targeting key"
          )
        }
      }
    }
  }

  const visit = (one: Json, place: string, inside: boolean): void => {
    if (found.length >= MOST || typeof one !== "object" || one === null) return
    if (Array.isArray(one)) {
      for (const [index, item] of one.entries()) visit(item, pointed(place, index), inside)
      return
    }
    const [name, given] = operation(one) ?? []
    if (name === undefined) return
    const here = pointed(place, name)
    const args = argumentsOf(given) as ReadonlyArray<Json>
    const placeOf = (index: number) => (Array.isArray(given) ? pointed(here, index) : here)
    if (name === "var") variable(here, args[0])
    if (OWN.has(name)) own(name, args, here, inside)
    if ((name === "==" || name === "!=") && args.includes(null)) {
      warn(
        here,
        "compares with null: 0 and false are equal to it in JavaScript and not in Go; === is the same everywhere"
      )
    }
    if (ORDERS.has(name)) {
      for (const [index, arg] of args.entries()) {
        if (isText(arg) && !isNumeric(arg))
          warn(placeOf(index), `orders by the text ${excerpt(arg)}: an error in JavaScript when the other is a number`)
      }
    }
    if (name === "cat") {
      for (const [index, arg] of args.entries()) {
        const truth = typeof arg === "boolean" || Array.isArray(arg) || TRUTHS.has(named(arg) ?? "")
        if (truth) warn(placeOf(index), "is no text and no number: an error in Go")
        if (isText(arg) && /[^\p{ASCII}]/u.test(arg))
          warn(
            placeOf(index),
            "has letters beyond ASCII, which JavaScript's provider hashes differently in a fractional"
          )
      }
    }
    if (name === "/" && args.slice(1).includes(0)) warn(here, "divides by 0: an error in JavaScript, and none in Go")
    const torn = name === "cat" ? args.keys() : name === "in" ? [1] : ITERATORS.has(name) ? [0] : []
    for (const index of torn) {
      const its = named(args[index])
      if (its !== undefined && TORN.has(its))
        warn(placeOf(index), `is ${its} within ${name}, which JavaScript's provider takes apart; write it as an if`)
    }
    for (const [index, arg] of args.entries())
      visit(arg, placeOf(index), inside || (ITERATORS.has(name) && index === 1))
  }

  visit(rule, at, false)
  return found
}

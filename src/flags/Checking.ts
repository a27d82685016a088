/** Reads definitions that are to be published, for what their wishes need: plain data, as worker threads give it. Pure. */
import { Result, type Schema } from "effect"
import type { Prerequisite, Problem } from "../evaluation/Definition.ts"
import { differences } from "../evaluation/OtherEngines.ts"
import { ANY, readDefinition, usesOf } from "../evaluation/ReadDefinition.ts"
import { idleIn, simpleOf } from "../evaluation/Simple.ts"
import { readSegment, type SegmentDefinition } from "./Segment.ts"

export interface Wrong {
  readonly problems: ReadonlyArray<Problem>
}

/** `warnings`: what engines read differently, and what has no say. */
export interface FlagFacts extends ReturnType<typeof simpleOf> {
  readonly variants: ReadonlyArray<string>
  readonly prerequisites: ReadonlyArray<Prerequisite>
  readonly uses: ReadonlyArray<string>
  readonly enabled: boolean
  readonly warnings: ReadonlyArray<Problem>
}

export interface SegmentFacts {
  readonly uses: ReadonlyArray<string>
  readonly rule: Schema.Json
  readonly list: SegmentDefinition["list"]
  readonly warnings: ReadonlyArray<Problem>
}

const checkFlag = (definition: string): FlagFacts | Wrong => {
  const read = readDefinition(definition, ANY)
  if (Result.isFailure(read)) return { problems: read.failure }
  const { variants, prerequisites, enabled, targeting } = read.success
  const idle = idleIn(definition)
  return {
    variants: [...variants.keys()],
    prerequisites,
    uses: [...new Set([...usesOf(read.success), ...idle.segments])],
    enabled,
    ...simpleOf(definition),
    warnings: [...idle.notes, ...(targeting === undefined ? [] : differences(targeting))]
  }
}

const checkSegment = (definition: string): SegmentFacts | Wrong => {
  const read = readSegment(definition)
  if (Result.isFailure(read)) return { problems: read.failure }
  const { uses, rule, asked, list } = read.success
  return { uses, rule, list, warnings: asked === undefined ? [] : differences(asked, "/rule") }
}

/** By what worker threads know them as. */
export const readers = { flag: checkFlag, segment: checkSegment }

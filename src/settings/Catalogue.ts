/**
 * Every setting: its name in the environment, its place in the file, what it may be, its default. They stand beside their capability, in
 * its `Settings.ts`; `Groups.ts` lists those files. Pure.
 *
 *   Q1  Each setting has both a name in the environment and a place in the file; the environment wins.
 */
import { groups } from "./Groups.ts"
import { type AnySetting, type Every, listOf, type ShapeOf, shapeOf } from "./Setting.ts"

/** As the options of what is made from them. */
export type Settings = ShapeOf<typeof groups>

/** Before it is known which groups are there. */
export type EverySetting = Every<typeof groups>

/** Q1: the whole list, in the order of their places. */
export const settings: ReadonlyArray<AnySetting> = listOf(groups).toSorted((a, b) => (a.path < b.path ? -1 : 1))

/** What each has that nobody set. */
export const defaults: Settings = shapeOf(groups, new Map(settings.map(({ path, fallback }) => [path, fallback])))

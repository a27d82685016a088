/**
 * Every setting: its name in the environment, its place in the file, what it may be, its default. They stand beside their capability, in
 * its `Settings.ts`; `Groups.ts` lists those files. Pure.
 *
 *   Q1  Each setting has both a name in the environment and a place in the file; the environment wins.
 */
import { groups } from "./Groups.ts"
import { type AnySetting, listOf, type ShapeOf, shapeOf, type ValuesOf } from "./Setting.ts"

/** Settings, nested as the options of what is made from them. */
export type Settings = ShapeOf<typeof groups>

/** The values of all settings, also of groups that will be left out. */
export type EverySetting = ValuesOf<typeof groups>

/** All settings, in the order of their places. Q1 */
export const settings: ReadonlyArray<AnySetting> = listOf(groups).toSorted((a, b) => (a.path < b.path ? -1 : 1))

/** The settings of a node for which nothing was set. */
export const defaults: Settings = shapeOf(groups, new Map(settings.map(({ path, fallback }) => [path, fallback])))

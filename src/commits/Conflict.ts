/** Why a commit is refused, though nothing is wrong with what it asks for. Pure. */
import { HeraldError } from "../errors/HeraldError.ts"

/** A `VersionConflict`: the current version is not the one that was expected (details: key, expected, current). */
export class Conflict extends HeraldError {}

/** What the release was checked against has changed (details: `changed`). Checked again, it may be committed. */
export class Overtaken extends Conflict {}

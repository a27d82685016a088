import { afterEach, describe, it } from "@effect/vitest"
import { closeAll } from "../Serving.ts"
import { suffer } from "./Attack.ts"
import { attacks } from "./Calls.ts"

afterEach(closeAll)

describe("calls", () => {
  for (const [name, attack] of Object.entries(attacks)) it(name, () => suffer(attack))
})

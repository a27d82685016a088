import { afterEach, describe, it } from "@effect/vitest"
import { closeAll } from "../Serving.ts"
import { suffer } from "./Attack.ts"
import { attacks } from "./Floods.ts"

afterEach(closeAll)

describe("floods", () => {
  for (const [name, attack] of Object.entries(attacks)) it(`CC12 PV1 ${name}`, () => suffer(attack))
})

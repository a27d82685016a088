/** A configuration as a commit has it, for tests of what is told of it. */
import type { Configuration } from "../../src/configuration/Configuration.ts"

export const sample = {
  key: "svc.a",
  environment: "production",
  version: 3,
  revision: 12n,
  value: "x",
  valueType: "string",
  deleted: false,
  schema: null,
  strict: false,
  template: false,
  digest: "d",
  createdAt: 1,
  updatedAt: 2,
  updatedBy: "ada",
  changeLog: "why"
} as const satisfies Configuration

/** Errors of settings. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  SettingsInvalid: {
    code: "HRLD-4005",
    title: "A setting is wrong",
    cause: "The settings file or an environment variable has an unknown name or a bad value.",
    fix: "Correct the setting that the message names.",
    grpc: 9,
    http: 500,
    exit: 2
  }
} satisfies ErrorRows

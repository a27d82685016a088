/** What is wrong with a protection that somebody asks for. Pure. */
import { kinds as keyKinds, type Role } from "../access/Identity.ts"
import { isKeyPattern, keyPatternRule } from "../access/KeyScope.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { excerpt } from "../text/Excerpt.ts"
import { approverRoles, LEAST_LASTS, LONGEST_LASTS, MOST_APPROVALS, PATTERNS, type Protected } from "./Protection.ts"

const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/i

export const protectedProblem = (name: string, wanted: Protected | undefined): HeraldError | undefined => {
  const wrong = (text: string) => failure("InvalidInput", text)
  if (!NAME.test(name))
    return wrong(
      `${excerpt(name)} is no name of a protection: it has 1 to 100 letters, digits, dots, dashes and underscores`
    )
  if (wanted === undefined) return undefined
  const { patterns, kinds, approvals, roles, lasts } = wanted
  if (patterns.length === 0 || patterns.length > PATTERNS) return wrong(`keys has to name 1 to ${PATTERNS} patterns`)
  const strange = patterns.find((pattern) => !isKeyPattern(pattern))
  if (strange !== undefined) return wrong(`${excerpt(strange)} is not ${keyPatternRule}`)
  const kind = kinds?.find((one) => !keyKinds.includes(one))
  if (kinds?.length === 0 || kind !== undefined) return wrong(`kinds has to name some of ${keyKinds.join(", ")}`)
  if (!Number.isInteger(approvals) || approvals < 1 || approvals > MOST_APPROVALS)
    return wrong(`approvals has to be 1 to ${MOST_APPROVALS}`)
  if (roles.length === 0 || roles.some((role) => !approverRoles.includes(role as Role & "admin")))
    return wrong(`roles has to name some of ${approverRoles.join(", ")}: whoever approves could also write`)
  if (!Number.isInteger(lasts) || lasts < LEAST_LASTS || lasts > LONGEST_LASTS)
    return wrong(`a request waits from one minute to ${LONGEST_LASTS / 86_400_000} days`)
  return undefined
}

/** The one check of credentials, as a node's settings say what they give. */
import type { Redacted } from "effect"
import { Access, type AccessOptions } from "../access/Access.ts"
import { rulesOf } from "../access/ClaimRules.ts"
import { limitsOf } from "../limits/Rules.ts"
import type { Settings } from "../settings/Catalogue.ts"

export const accessOf = ({
  pepper,
  access,
  oidc,
  strangers
}: Pick<Settings, "oidc"> & {
  readonly pepper: Redacted.Redacted | string
  readonly access: Omit<AccessOptions, "pepper" | "limits"> & { readonly limits?: ReadonlyArray<unknown> }
  readonly strangers?: { readonly shared: (address: string) => boolean }
}) =>
  Access.layer({
    ...{
      pepper,
      ...access,
      limits: limitsOf(access.limits ?? []),
      jwt: { rules: rulesOf(oidc?.roles ?? []), nameClaim: oidc?.nameClaim }
    },
    ...(strangers === undefined ? {} : { shared: strangers.shared })
  })

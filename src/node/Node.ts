/** The list of what runs: what each capability adds to a node. */
import { distribution } from "../edge/grpc/distribution/Routes.ts"
import { access } from "../edge/http/access/Routes.ts"
import { configuration } from "../edge/http/configuration/Routes.ts"
import { errors } from "../edge/http/errors/Routes.ts"
import { fleet } from "../edge/http/fleet/Routes.ts"

/** What the HTTP door shows. */
export const http = [configuration, fleet, access, errors] as const

/** The services of the gRPC door. */
export const grpc = [distribution] as const

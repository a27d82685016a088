/** Values that say when they should have been published, and that don't compress. Pure. */
import { randomBytes } from "node:crypto"

/** `{"at":<nanoseconds>,"data":…}`; the load client reads the number and nothing else. */
export const payload = (at: number, bytes = 120): string =>
  `{"at":${Math.round(at)},"data":"${randomBytes(Math.ceil((bytes * 3) / 4)).toString("base64url")}"}`

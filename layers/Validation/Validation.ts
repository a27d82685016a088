/** Everything in this folder with its defaults: Digest. */
export { layer } from "./Digest.ts"

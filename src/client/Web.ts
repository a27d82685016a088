/**
 * Configuration and flags in browsers, over a WebSocket: `import { HeraldClient } from "@herald/client/web"`. See docs/browsers.md.
 *
 *   XW6  What bundlers make of it for a page has nothing of Node, of gRPC, or of any package.
 */
export * from "./HeraldClient.ts"

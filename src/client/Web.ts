/** Configuration and flags in browsers, over a WebSocket: `import { HeraldClient } from "@herald/client/web"`. See docs/browsers.md. */
export * from "./HeraldClient.ts"

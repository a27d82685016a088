/** Webhooks, where they are set: queued from the event log, and sent over HTTP. */
import { Layer } from "effect"
import * as WebhookPost from "../../layers/Webhook/webhooks/WebhookPost.ts"
import type { Settings } from "../settings/Catalogue.ts"
import * as Node from "./Node.ts"

export const webhooks = ({ webhooks }: Pick<Settings, "webhooks">, run: string) =>
  webhooks === undefined
    ? Layer.empty
    : Node.webhooks({ ...webhooks, run }).pipe(Layer.provide(WebhookPost.layer(webhooks)))

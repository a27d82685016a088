/** Lists the views of this node, one for each kind of change. */
import { Context, Effect, Layer } from "effect"
import type { View } from "./View.ts"

export class Views extends Context.Service<Views, ReadonlyArray<View>>()("herald/propagation/Views") {
  // biome-ignore lint/suspicious/noExplicitAny: each needs what it needs
  static readonly layer = <V extends ReadonlyArray<Effect.Effect<View, never, any>>>(...views: V) =>
    Layer.effect(Views, Effect.all(views as ReadonlyArray<Effect.Effect<View, never, Effect.Services<V[number]>>>))
}

package main

import (
	"context"

	flagd "github.com/open-feature/go-sdk-contrib/providers/flagd/pkg"
	"github.com/open-feature/go-sdk/openfeature"
)

func connect() (*openfeature.Client, error) {
	provider, err := flagd.NewProvider() // its settings are in the environment
	if err != nil {
		return nil, err
	}
	if err := openfeature.SetProviderAndWait(provider); err != nil {
		return nil, err
	}
	return openfeature.NewClient("shop"), nil
}

func hasNewCheckout(ctx context.Context, flags *openfeature.Client, user, plan string) bool {
	who := openfeature.NewEvaluationContext(user, map[string]any{"plan": plan})
	return flags.Boolean(ctx, "new-checkout", false, who)
}

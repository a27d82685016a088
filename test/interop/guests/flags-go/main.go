// What an application in Go makes of flags, as lines of JSON whenever that changes: see Flags.test.ts.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
)

func say(fact string, value any) {
	line, err := json.Marshal(map[string]any{"fact": fact, "value": value})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

func told[T any](of openfeature.GenericEvaluationDetails[T], _ error) []any {
	return []any{of.Value, of.Variant, string(of.Reason), string(of.ErrorCode)}
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "flagd" {
		if err := beFlagd(os.Args[2], os.Args[3]); err != nil {
			say("failed", err.Error())
		}
		return
	}
	flags, err := connect()
	if err != nil {
		say("failed", err.Error())
		os.Exit(1)
	}
	changed := func(details openfeature.EventDetails) { say("event", "changed") }
	flags.AddHandler(openfeature.ProviderConfigChange, &changed)
	ctx := context.Background()
	who := openfeature.NewEvaluationContext("ann", map[string]any{"plan": "pro"})
	before := ""
	for {
		text := map[string]any{
			"checkout": []any{hasNewCheckout(ctx, flags, "ann", "pro"), hasNewCheckout(ctx, flags, "ann", "free")},
			"text":     told(flags.StringValueDetails(ctx, "text", "own", who)),
			"whole":    told(flags.IntValueDetails(ctx, "whole", 7, who)),
			"half":     told(flags.FloatValueDetails(ctx, "half", 7, who)),
			"object":   told(flags.ObjectValueDetails(ctx, "object", map[string]any{}, who)),
			"dark":     told(flags.BooleanValueDetails(ctx, "dark", true, who)),
			"open":     told(flags.BooleanValueDetails(ctx, "open", true, who)),
			"gone":     told(flags.BooleanValueDetails(ctx, "gone", true, who)),
			"wrong":    told(flags.StringValueDetails(ctx, "whole", "own", who)),
		}
		line, _ := json.Marshal(text)
		if string(line) != before {
			before = string(line)
			say("flags", text)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

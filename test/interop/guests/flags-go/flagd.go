package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"

	"github.com/open-feature/flagd/core/pkg/evaluator"
	"github.com/open-feature/flagd/core/pkg/logger"
	"github.com/open-feature/flagd/core/pkg/store"
	"github.com/open-feature/flagd/core/pkg/sync"
	"github.com/open-feature/flagd/core/pkg/sync/grpc"
	"github.com/open-feature/flagd/core/pkg/sync/grpc/credentials"
	"go.uber.org/zap"
)

// What flagd makes of a source `grpc://`: its own client of flagd.sync.v1, its store and its evaluator.
func beFlagd(address, token string) error {
	log := logger.NewLogger(zap.NewNop(), false)
	kept, err := store.NewStore(log, []string{address})
	if err != nil {
		return err
	}
	flags := evaluator.NewJSON(log, kept)
	source := &grpc.Sync{
		URI:               address,
		Logger:            log,
		CredentialBuilder: &credentials.CredentialBuilder{},
		ProviderID:        "flagd",
		Headers:           map[string]string{"authorization": "Bearer " + token},
	}
	ctx := context.Background()
	if err := source.Init(ctx); err != nil {
		return err
	}
	came := make(chan sync.DataSync)
	go func() {
		for data := range came {
			if err := flags.SetState(data); err != nil {
				say("failed", err.Error())
			} else {
				say("synced", len(data.FlagData))
			}
		}
	}()
	go func() {
		say("ended", source.Sync(ctx, came))
	}()
	type asked struct {
		Flag    string         `json:"flag"`
		Context map[string]any `json:"context"`
		Resync  bool           `json:"resync"`
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var ask asked
		if err := json.Unmarshal(lines.Bytes(), &ask); err != nil {
			return err
		}
		if ask.Resync {
			if err := source.ReSync(ctx, came); err != nil {
				return err
			}
			continue
		}
		of := flags.ResolveAsAnyValue(ctx, "", ask.Flag, ask.Context)
		code := ""
		if of.Error != nil {
			code = of.Error.Error()
		}
		say("answer", []any{of.Value, of.Variant, of.Reason, code})
	}
	return nil
}

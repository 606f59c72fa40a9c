package ledger

import (
	"context"
	"errors"
	"time"
)

// Inspect loads the account of an API URL from a store, closes the store and
// returns what it would show. It commits nothing and sets nothing aside.
func Inspect(ctx context.Context, s Store, apiURL string, policy Policy) (*View, error) {
	now := time.Now()
	a, err := load(ctx, s, apiURL, policy, now)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return a.view(now), s.Close()
}

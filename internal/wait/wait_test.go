package wait

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := For(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := For(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute+time.Second {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
	})
}

func TestWake(t *testing.T) {
	t.Parallel()
	c := make(chan struct{}, 1)
	for range 3 {
		Wake(c)
	}
	<-c
	if len(c) > 0 {
		t.Error("it wakes more than once")
	}
}

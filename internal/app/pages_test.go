package app

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"omegastream_exporter/client"
	"omegastream_exporter/collector"
	"omegastream_exporter/internal/ratelimit"
	"omegastream_exporter/internal/web"
)

func TestPageStatus(t *testing.T) {
	t.Parallel()
	at := time.Unix(1, 0)
	limits := ratelimit.Limits{Configured: 20, Current: 5}
	in := collector.Status{
		Syncing: true, Ended: at, Took: time.Second, Result: "partial", Requests: 9, Failed: 2,
		Troubles: []collector.Trouble{
			{Operation: client.OpListEvents, EndpointID: "ep", Err: errors.New("down"), Since: at},
			{Operation: "write_state", Err: errors.New("full"), Since: at},
			{Operation: client.OpListEndpoints, Err: errors.New("x"), Since: at},
			{Operation: client.OpGetEvent, Err: errors.New("y"), Since: at},
		},
	}
	want := web.Status{
		Syncing: true, Ended: at, Took: time.Second, Result: "partial", Requests: 9, Failed: 2, Limits: limits,
		Troubles: []web.Trouble{
			{What: "Reading the list of events", EndpointID: "ep", Error: "down", Since: at},
			{What: "Writing the state", Error: "full", Since: at},
			{What: "Listing the account's endpoints", Error: "x", Since: at},
			{What: "Fetching the details of events", Error: "y", Since: at},
		},
	}
	if diff := cmp.Diff(want, pageStatus(in, limits)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

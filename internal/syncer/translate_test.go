package syncer

import (
	"testing"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

func TestAnswerOf(t *testing.T) {
	t.Parallel()
	post := func(cause string) *client.Response {
		return &client.Response{Cause: `webhook event with type video.x failed: Post "": ` + cause}
	}
	const refused = "dial tcp 192.0.2.10:443: connect: connection refused"
	for _, tt := range []struct {
		name     string
		response *client.Response
		want     ledger.Answer
	}{
		{"pending", nil, ledger.Answer{}},
		{"words", &client.Response{StatusCode: 500, Status: "500", Message: "failed", Body: "body"}, ledger.Answer{
			Responded: true, StatusCode: 500, Text: ledger.AnswerText{Status: "500", Message: "failed", Body: "body"},
		}},
		{"success", &client.Response{StatusCode: 200}, ledger.Answer{Responded: true, StatusCode: 200}},
		{"refused", post(refused), ledger.Answer{Responded: true, Reason: ledger.ReasonRefused}},
		{"host of a lookup", post("dial tcp: lookup timeout.example.com: no such host"), ledger.Answer{Responded: true, Reason: ledger.ReasonDNS}},
		{"from the status", &client.Response{Status: "timed out"}, ledger.Answer{
			Responded: true, Reason: ledger.ReasonTimeout, Text: ledger.AnswerText{Status: "timed out"},
		}},
	} {
		if got := answerOf(client.Event{Response: tt.response}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

package syncer

import (
	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// foundEndpoints converts a listing of the account for the ledger.
func foundEndpoints(list client.EndpointList) []ledger.Found {
	found := make([]ledger.Found, len(list.Endpoints))
	for i, e := range list.Endpoints {
		found[i] = foundEndpoint(e)
	}
	return found
}

// foundEndpoint converts an endpoint for the ledger.
func foundEndpoint(e client.Endpoint) ledger.Found {
	return ledger.Found{ID: e.ID, CompanyID: ledger.Label(e.CompanyID), Meta: ledger.Meta{
		URL:         ledger.Label(e.URL),
		Description: ledger.Label(e.Description),
		Events:      e.Events,
		Active:      e.Active,
		CreatedAt:   e.CreatedAt,
		UpdatedAt:   e.UpdatedAt,
	}}
}

// answerOf converts the answer in an event's detail for the ledger.
func answerOf(e client.Event) ledger.Answer {
	r := e.Response
	if r == nil {
		return ledger.Answer{Video: ledger.Video(e.Video)}
	}
	return ledger.Answer{
		Video:      ledger.Video(e.Video),
		Responded:  true,
		StatusCode: r.StatusCode,
		Reason:     ledger.ReasonOf(r.Cause, r.Status),
		Text:       ledger.AnswerText{Status: r.Status, Message: r.Message, Body: r.Body},
	}
}

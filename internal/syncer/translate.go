package syncer

import (
	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

// foundEndpoints returns a listing of the account as the ledger takes it.
func foundEndpoints(list client.EndpointList) []ledger.Found {
	found := make([]ledger.Found, len(list.Endpoints))
	for i, e := range list.Endpoints {
		found[i] = foundEndpoint(e)
	}
	return found
}

// foundEndpoint returns an endpoint as the ledger keeps it.
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

// answerOf returns what an event's detail says of its delivery.
func answerOf(e client.Event) ledger.Answer {
	if e.Response == nil {
		return ledger.Answer{Video: ledger.Video(e.Video)}
	}
	return ledger.Answer{
		Video:      ledger.Video(e.Video),
		Responded:  true,
		StatusCode: e.Response.StatusCode,
		Reason:     ledger.ReasonOf(e.Response.Cause, e.Response.Status),
	}
}

// wordsOf returns the texts of an event's response as they may be stored. bodies
// says whether what the receiver answered may be.
func wordsOf(r *client.Response, bodies bool) ledger.AnswerText {
	if r == nil {
		return ledger.AnswerText{}
	}
	words := ledger.AnswerText{Status: r.Status, Message: r.Message}
	if bodies {
		words.Body = r.Body
	}
	return words
}

package web

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// The page of an unknown endpoint is a 404, and the exporter asks for the account's
// endpoints.
func TestUnknownEndpoint(t *testing.T) {
	t.Parallel()
	var asked []string
	o := options()
	o.Unknown = func(id string) { asked = append(asked, id) }
	pages := New(openState(t, policy()), o)
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/endpoints/aaaaaaaaaaaaaaaaaaaaaaaa", http.NoBody))
	if w.Code != http.StatusNotFound || !slices.Equal(asked, []string{"aaaaaaaaaaaaaaaaaaaaaaaa"}) {
		t.Errorf("status %d, asked for %q", w.Code, asked)
	}
}

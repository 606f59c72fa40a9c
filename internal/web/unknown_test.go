package web

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// A page of an endpoint that is not known is not found, and somebody is told of it.
func TestUnknownEndpoint(t *testing.T) {
	t.Parallel()
	var asked []string
	o := options()
	o.Unknown = func(id string) { asked = append(asked, id) }
	pages := New(openState(t, policy()), o)
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/endpoints/aaaaaaaaaaaaaaaaaaaaaaaa", http.NoBody))
	if w.Code != http.StatusNotFound || !slices.Equal(asked, []string{"aaaaaaaaaaaaaaaaaaaaaaaa"}) {
		t.Errorf("status %d, told of %q", w.Code, asked)
	}
}

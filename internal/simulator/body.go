package simulator

import (
	"net/http"
	"time"
)

// Ending is how a truncated answer ends.
type Ending int

// The endings.
const (
	// EndClean ends the answer cleanly: only the JSON is incomplete.
	EndClean Ending = iota
	// EndAbort breaks the connection: the client sees an unexpected EOF.
	EndAbort
	// EndHang sends nothing more, until the client disconnects or the fault is removed; then
	// the answer continues.
	EndHang
)

// Body answers 200 with another body, as JSON.
func Body(body string) Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.reply = text(http.StatusOK, jsonType, body)
	}}
}

// Empty answers an empty list.
func Empty() Effect { return Body("[]") }

// Null answers null.
func Null() Effect { return Body("null") }

// HTML answers 200 with an HTML page, like a proxy or a login form.
func HTML() Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.reply = text(http.StatusOK, "text/html; charset=utf-8",
			"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>\n")
	}}
}

// CutBytes ends the body after n bytes, counted before compression.
func CutBytes(n int64, how Ending) Effect {
	return Effect{act: func(x *exchange, f *fault) {
		x.cutAt = n
		x.cut = func() error { return x.end(how, f) }
	}}
}

// Stall sends the header and the first n bytes at once, and the rest after a
// pause.
func Stall(n int64, d time.Duration) Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.cutAt = n
		x.cut = func() error {
			x.flush()
			x.pause(d)
			return nil
		}
	}}
}

// CutElements ends a list after n elements, without a comma or a bracket.
func CutElements(n int, how Ending) Effect {
	var e Effect
	e.act = func(x *exchange, f *fault) {
		x.cutItem = func() error { return x.end(how, f) }
	}
	e.list = func(list items) items {
		return func(yield func(item) bool) {
			sent := 0
			for it := range list {
				if sent == n && !yield(item{cut: true}) {
					return
				}
				sent++
				if !yield(it) {
					return
				}
			}
			if sent <= n {
				yield(item{cut: true})
			}
		}
	}
	return e
}

// Huge adds a string of n bytes at the start of the body: as an element of a list, as a
// member of a detail, or before a text. It takes no memory in the account.
func Huge(n int64) Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.padding = n
	}}
}

package simulator

import (
	"net/http"
	"time"
)

// Ending is how a truncated answer ends.
type Ending int

// The endings.
const (
	// EndClean ends the answer as HTTP wants it: only the JSON is incomplete.
	EndClean Ending = iota
	// EndAbort breaks the connection: the client sees an unexpected EOF.
	EndAbort
	// EndHang sends nothing more until the client goes, or goes on when the
	// fault is removed.
	EndHang
)

// Body answers 200 with a body in the place of the right one, as JSON.
func Body(body string) Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.reply = text(http.StatusOK, jsonType, body)
	}}
}

// Empty answers an empty list.
func Empty() Effect { return Body("[]") }

// Null answers null.
func Null() Effect { return Body("null") }

// HTML answers 200 with a page, as a proxy or a login form in between does.
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

// Huge puts one string of n bytes in front of what the body holds: as an
// object of its own in a list, as a member in a detail, behind a text. It
// costs the account no memory.
func Huge(n int64) Effect {
	return Effect{act: func(x *exchange, _ *fault) {
		x.padding = n
	}}
}

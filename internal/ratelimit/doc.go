// Package ratelimit is one queue for all calls of the process to the API: it
// bounds how many requests are under way at a time and how many go in a second,
// and holds all of them back for as long as the API asks for.
package ratelimit

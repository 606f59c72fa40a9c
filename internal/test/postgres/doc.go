// Package postgres runs real PostgreSQL servers for tests: the one that the machine
// has, on a free port of 127.0.0.1, with its data in a temporary folder.
//
// [NewDatabase] is what most tests want: a fresh database of a server that all the
// tests of a binary share. A test that stops, kills or restores its server gets one
// of its own from [Start].
//
// Commits are as durable as in production (fsync is on), and the server asks for
// passwords: a connection over TCP needs the one in the URL. The role in it is an
// ordinary one that owns its databases.
//
// Servers end with the test binary, however it ends.
package postgres

// Package postgres runs real PostgreSQL servers for tests: the version installed on the
// machine, on a free port of 127.0.0.1, with data in a temporary folder.
//
// Most tests use [NewDatabase], a new database on a server that all tests of a binary share.
// Tests that stop, kill or restore their server get their own from [Start].
//
// Commits are as durable as in production (fsync is on), and TCP connections need the
// password in the URL. The role in the URL is an ordinary one that owns its databases.
//
// Servers end with the test binary, however it ends.
package postgres

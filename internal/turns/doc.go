// Package turns keeps the rate limit of an account in PostgreSQL, so that all
// processes that share a state share the limit too. It implements [client.Turns].
//
// The table limiter of the state's schema has one row: when the next turn is free,
// and what the API's answers made of the rate. A reservation is one statement, by
// the database's clock. Every process reserves by its own rate: a turn takes the
// time from the others that its own limit gives it, so that processes with
// different limits together stay within the highest, and each within its own.
//
// The table is made by whoever finds it missing. It takes the right to create one in
// the schema then, and to read and write it ever after.
//
// # What can be lost
//
// A process that dies takes the turns with it that it held: half of what
// [client.TurnsAhead] has at most. So does a connection that is cut before the
// answer.
//
// A reservation waits for the database's disk like every commit. It would be faster
// without (synchronous_commit = off), but a database that crashed and is back at once
// would give the turns of a quarter of a second again. A standby that takes over may
// have missed the last reservations; to take over lasts longer than turns do. What
// it may have missed of a pause, every process that knows of it keeps.
package turns

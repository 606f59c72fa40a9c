// Package postgres keeps a state in a schema of a PostgreSQL database, which several
// replicas share: the rows, and the lease under which one of them leads.
package postgres

package turns

import "strings"

// statements are the SQL for one table.
type statements struct{ create, fill, reserve, change string }

func newStatements(table string) statements {
	in := func(sql string) string { return strings.ReplaceAll(sql, "TABLE_NAME", table) }
	return statements{create: in(createSQL), fill: in(fillSQL), reserve: in(reserveSQL), change: in(changeSQL)}
}

const createSQL = `
CREATE TABLE IF NOT EXISTS TABLE_NAME (
	id           smallint PRIMARY KEY CHECK (id = 1),
	next_free    timestamptz NOT NULL,      -- when the next turn is to be had
	reserved_at  timestamptz NOT NULL,      -- the clock at the last reservation
	share        double precision NOT NULL, -- of the configured rate, lower after a 429
	changed_at   timestamptz NOT NULL,      -- when share was changed last
	paused_since timestamptz NOT NULL,
	paused_until timestamptz NOT NULL,      -- no turn before
	streak       integer NOT NULL,          -- pauses that had to be guessed, without a success in between
	revision     bigint NOT NULL            -- counts the changes of share, pause and streak
)`

const fillSQL = `
INSERT INTO TABLE_NAME (id, next_free, reserved_at, share, changed_at, paused_since, paused_until, streak, revision)
VALUES (1, '1970-01-01 00:00:00Z', '1970-01-01 00:00:00Z', 1,
	'1970-01-01 00:00:00Z', '1970-01-01 00:00:00Z', '1970-01-01 00:00:00Z', 0, 0)
ON CONFLICT (id) DO NOTHING`

// reserveSQL takes up to $1 turns at $2 a second, none more than $3 seconds ahead:
// half of those that are left until then, so that processes that ask one after the
// other all get some, but one at least. The clock is read once the row is ours:
// while a statement waits for it, others move on. A clock that was set back takes
// all times back with it.
const reserveSQL = `
WITH held AS (
	SELECT * FROM TABLE_NAME WHERE id = 1 FOR UPDATE
), timed AS (
	SELECT *, clock_timestamp() AS now FROM held
), moved AS (
	SELECT *, greatest(reserved_at - now, interval '0 seconds') AS back FROM timed
), planned AS (
	SELECT *,
		greatest(next_free - back, now) AS start,
		1 / ($2::float8 * share) AS every
	FROM moved
), granted AS (
	SELECT *,
		CASE
			WHEN paused_until - back > now OR start > now + $3::float8 * interval '1 second' THEN 0
			ELSE least($1::integer, greatest(1,
				floor(($3::float8 - extract(epoch FROM start - now)::float8) / 2 / every)))::integer
		END AS turns
	FROM planned
)
UPDATE TABLE_NAME AS l SET
	next_free    = CASE WHEN g.turns > 0 THEN g.start + g.turns * g.every * interval '1 second' ELSE g.next_free - g.back END,
	reserved_at  = g.now,
	changed_at   = g.changed_at - g.back,
	paused_since = g.paused_since - g.back,
	paused_until = g.paused_until - g.back,
	revision     = CASE WHEN g.back > interval '0 seconds' THEN g.revision + 1 ELSE g.revision END
FROM granted AS g
WHERE l.id = 1
RETURNING g.turns, g.start, g.now, g.every, l.share, l.changed_at, l.paused_since, l.paused_until, l.streak, l.revision`

// changeSQL writes what became of the state of revision $1, if it is still that.
const changeSQL = `
UPDATE TABLE_NAME SET
	share = $2, changed_at = $3, paused_since = $4, paused_until = $5, streak = $6, revision = revision + 1
WHERE id = 1 AND revision = $1`

package postgres

import "context"

// inUseQueries ask whether an exporter uses the state, by layout. Between syncs no replica
// leads, so a recent sync counts too.
var inUseQueries = map[int]string{
	1: `SELECT EXISTS (SELECT 1 FROM %[1]s.replica WHERE alive_until > clock_timestamp())`,
	2: `SELECT holder IS NOT NULL AND beat > clock_timestamp() - interval '5 seconds'
		OR sync_ended > clock_timestamp() - interval '2 minutes' FROM %[1]s.state`,
}

// InUse implements [state.InUser].
func (p *Store) InUse(ctx context.Context) (used bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var layout int
	if err := p.pool.QueryRow(ctx, p.in(`SELECT layout FROM %[1]s.state`)).Scan(&layout); err != nil {
		return false, explain(err)
	}
	query, ok := inUseQueries[layout]
	if !ok {
		return false, nil
	}
	err = p.pool.QueryRow(ctx, p.in(query)).Scan(&used)
	return used, explain(err)
}

package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"omegastream_exporter/internal/state"
)

const (
	connections = 2
	connectWait = 5 * time.Second
)

// Place is a place for a state: a schema in the database of a URL. However it is printed, it
// shows neither user nor password.
type Place struct {
	config   *pgxpool.Config
	schema   string
	password bool
}

var (
	errNoURL         = errors.New("is not a PostgreSQL URL; write it like postgres://USER@HOST:5432/DATABASE")
	errNotUnderstood = errors.New("is not a URL that PostgreSQL's clients understand")
)

// ParseURL returns the place of a URL and a schema. Its errors show no part of the URL.
func ParseURL(raw, schema string) (*Place, error) {
	raw = withSocketAsParameter(raw)
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || !strings.Contains(raw, "://") {
		return nil, errNoURL
	}
	config, err := pgxpool.ParseConfig(raw)
	if unread, ok := errors.AsType[*fs.PathError](err); ok { // such as a certificate
		return nil, fmt.Errorf("names a file that cannot be read: %w", unread)
	}
	if err != nil {
		return nil, errNotUnderstood
	}
	parameters := u.Query()
	if !parameters.Has("pool_max_conns") {
		config.MaxConns = connections
	}
	// A look every 5 seconds must be one transaction instead of two. If the connection is
	// gone, the look is repeated.
	config.ShouldPing = func(_ context.Context, c pgxpool.ShouldPingParams) bool { return c.IdleDuration > 2*state.FollowEvery }
	c := config.ConnConfig
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, connectWait)
	if !parameters.Has("default_query_exec_mode") {
		// Do not prepare statements under a name, because a pooler would lose it.
		c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "omegastream_exporter"
	}
	if severalHosts(c) && c.ValidateConnect == nil && !parameters.Has("target_session_attrs") {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return &Place{config, schema, hasPassword(u)}, nil
}

// HasPassword reports whether the URL contains a password.
func (p *Place) HasPassword() bool { return p.password }

// String returns a URL of the server and the database, and the schema.
func (p *Place) String() string {
	c := p.config.ConnConfig
	host := net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	if strings.HasPrefix(c.Host, "/") {
		host = strings.ReplaceAll(c.Host, "/", "%2F")
	}
	return fmt.Sprintf("postgres://%s/%s, schema %s", host, c.Database, p.schema)
}

// Open returns the store at this place. It does not connect before Load.
func (p *Place) Open() (*Store, error) {
	pool, err := pgxpool.NewWithConfig(context.Background(), p.config.Copy())
	if err != nil {
		return nil, err
	}
	return &Store{
		schema: p.schema, quoted: pgx.Identifier{p.schema}.Sanitize(), id: rand.Text(), pool: pool, pruned: time.Now(),
	}, nil
}

// hasPassword checks both places where PostgreSQL accepts a password.
func hasPassword(u *url.URL) bool {
	if _, set := u.User.Password(); set {
		return true
	}
	for parameter := range u.Query() {
		if strings.Contains(strings.ToLower(parameter), "password") { // also sslpassword
			return true
		}
	}
	return false
}

// severalHosts reports whether the URL names several servers. A fallback can also be the same
// server without TLS.
func severalHosts(c *pgx.ConnConfig) bool {
	for _, f := range c.Fallbacks {
		if f.Host != c.Host || f.Port != c.Port {
			return true
		}
	}
	return false
}

// withSocketAsParameter returns a URL in pgx's form: it needs the folder of a socket as a
// parameter, instead of as the host, like %2Frun%2Fpostgresql.
func withSocketAsParameter(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	authority, path, _ := strings.Cut(rest, "/")
	user, host, found := strings.Cut(authority, "@")
	if !found {
		user, host = "", authority
	}
	folder, port, _ := strings.Cut(host, ":")
	if !strings.HasPrefix(strings.ToLower(folder), "%2f") {
		return raw
	}
	parameters := "host=" + folder
	if port != "" {
		parameters += "&port=" + port
	}
	if found {
		user += "@"
	}
	path, query, _ := strings.Cut(path, "?")
	if query != "" {
		parameters += "&" + query
	}
	return scheme + "://" + user + "/" + path + "?" + parameters
}

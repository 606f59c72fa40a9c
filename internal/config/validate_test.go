package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omegastream_exporter/internal/smallfile"
)

// Each row breaks one rule. The error names the flag and says how to fix it.
func TestInputIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const noKey = "-" // for rows without a key in the environment
	for name, row := range map[string]struct {
		args string // separated by spaces
		key  string // OMEGASTREAM_API_KEY, "key" if empty
		env  string // NAME=value
		want []string
	}{
		"url relative":            {args: "--api.url=api.omegastream.net", want: []string{"--api.url: is not an absolute", "https://api"}},
		"url empty":               {args: "--api.url=", want: []string{"--api.url: is not an absolute"}},
		"url scheme":              {args: "--api.url=ftp://h/company", want: []string{"--api.url: is not an absolute"}},
		"url broken":              {args: "--api.url=https://h:port/", want: []string{"--api.url: cannot be read"}},
		"url without host":        {args: "--api.url=https:///company", want: []string{"--api.url: has no host"}},
		"url with user":           {args: "--api.url=https://u:p@h/", want: []string{"--api.url: must not contain a user", "--api.key-file"}},
		"url with query":          {args: "--api.url=https://h/?a=b", want: []string{"--api.url: must not have a query"}},
		"url with empty fragment": {args: "--api.url=https://h/#", want: []string{"--api.url: must not have a query"}},
		"url with port 0":         {args: "--api.url=https://h:0/", want: []string{"--api.url: has a port"}},
		"url with port 70000":     {args: "--api.url=https://h:70000/", want: []string{"--api.url: has a port"}},
		"url insecure":            {args: "--api.url=http://10.0.0.1/", want: []string{"--api.url: would send", "--api.allow-insecure"}},
		"url nearly loopback":     {args: "--api.url=http://localhost.example/", want: []string{"--api.allow-insecure"}},
		"url from environment":    {env: "OMEGASTREAM_EXPORTER_API_URL=x", want: []string{"--api.url (from OMEGASTREAM_EXPORTER_API_URL): "}},
		"api timeout zero":        {args: "--api.timeout=0", want: []string{"--api.timeout: must be greater than 0"}},
		"max list events zero":    {args: "--api.max-list-events=0", want: []string{"--api.max-list-events: must be at least 1"}},
		"max list events text":    {args: "--api.max-list-events=1e6", want: []string{"--api.max-list-events: \"1e6\" is not a whole number"}},
		"concurrency zero":        {args: "--api.concurrency=0", want: []string{"--api.concurrency: must be 1 to 1024"}},
		"concurrency high":        {args: "--api.concurrency=1025", want: []string{"--api.concurrency: must be 1 to 1024"}},
		"rate limit negative":     {args: "--api.rate-limit=-1", want: []string{"--api.rate-limit: must be 0"}},
		"rate limit infinite":     {args: "--api.rate-limit=Inf", want: []string{"--api.rate-limit: \"Inf\" is not a number"}},
		"rate limit NaN":          {args: "--api.rate-limit=NaN", want: []string{"--api.rate-limit: \"NaN\" is not a number"}},

		"no key":            {key: noKey, want: []string{"--api.key-file: no API key", "OMEGASTREAM_API_KEY"}},
		"blank key":         {key: " \n", want: []string{"OMEGASTREAM_API_KEY: API key: empty"}},
		"key of two lines":  {key: "a\nb", want: []string{"OMEGASTREAM_API_KEY: ", "white space"}},
		"key twice":         {args: "--api.key-file=" + file("key", "key"), want: []string{"--api.key-file: cannot be combined with", "OMEGASTREAM_API_KEY"}},
		"key file missing":  {key: noKey, args: "--api.key-file=" + dir + "/none", want: []string{"--api.key-file: key file: open ", "no such file"}},
		"key file a folder": {key: noKey, args: "--api.key-file=" + dir, want: []string{"--api.key-file: ", "directory"}},
		"key file empty":    {key: noKey, args: "--api.key-file=" + file("empty", "\n"), want: []string{"--api.key-file: key file ", "empty"}},
		"key file huge":     {key: noKey, args: "--api.key-file=" + file("huge", strings.Repeat("k", smallfile.Max+1)), want: []string{"--api.key-file: key file: ", "longer than"}},

		"endpoint id empty": {args: "--webhook.endpoint-id=", want: []string{"--webhook.endpoint-id: has an empty value"}},
		"endpoint id twice": {args: "--webhook.endpoint-id=a --webhook.endpoint-id=b,a", want: []string{"--webhook.endpoint-id: \"a\" is given twice"}},
		"endpoint id a url": {args: "--webhook.endpoint-id=https://h/p", want: []string{"--webhook.endpoint-id: takes the id"}},
		"url detail":        {args: "--webhook.url-detail=all", want: []string{"--webhook.url-detail: \"all\" is not one of host, path, none"}},

		"window short":          {args: "--collector.window=59m", want: []string{"--collector.window: must be 1h to 31d"}},
		"window long":           {args: "--collector.window=32d", want: []string{"--collector.window: must be 1h to 31d, not 32d"}},
		"window unknown":        {args: "--collector.window=soon", want: []string{"--collector.window: \"soon\" is not a duration", "24h"}},
		"overlap zero":          {args: "--collector.overlap=0", want: []string{"--collector.overlap: must be greater than 0"}},
		"overlap long":          {args: "--collector.window=1h --collector.overlap=31m", want: []string{"--collector.overlap: must be at most half of --collector.window, 30m"}},
		"no response zero":      {args: "--collector.no-response-after=0s", want: []string{"--collector.no-response-after: must be greater than 0"}},
		"hold negative":         {args: "--collector.hold-new-series=-1m", want: []string{"--collector.hold-new-series: \"-1m\" is negative"}},
		"count since negative":  {args: "--collector.count-since=-1m", want: []string{"--collector.count-since: \"-1m\" is negative"}},
		"count since long":      {args: "--collector.count-since=25h", want: []string{"--collector.count-since: must be at most --collector.window, 1d, not 1d1h"}},
		"max backlog zero":      {args: "--collector.max-backlog=0", want: []string{"--collector.max-backlog: must be at least 1, not 0"}},
		"max backlog text":      {args: "--collector.max-backlog=many", want: []string{"--collector.max-backlog: \"many\" is not a whole number"}},
		"interval negative":     {args: "--collector.min-interval=-1s", want: []string{"--collector.min-interval: \"-1s\" is negative"}},
		"timeout zero":          {args: "--collector.timeout=0", want: []string{"--collector.timeout: must be greater than 0"}},
		"timeout long":          {args: "--collector.timeout=121s", want: []string{"--collector.timeout: must be at most 2m"}},
		"offset negative":       {args: "--collector.timeout-offset=-1s", want: []string{"--collector.timeout-offset: \"-1s\" is negative"}},
		"offset not under":      {args: "--collector.timeout=5s --collector.timeout-offset=5s", want: []string{"--collector.timeout-offset: must be less than --collector.timeout, 5s"}},
		"state without scheme":  {args: "--state.url=data/ledger.db", want: []string{"--state.url: does not say", "file:PATH, memory: or postgres://"}},
		"state unknown scheme":  {args: "--state.url=mysql://h/db", want: []string{"--state.url: \"mysql\"", "file:PATH, memory: or postgres://"}},
		"state without path":    {args: "--state.url=file:", want: []string{"--state.url: does not name a file"}},
		"state a folder":        {args: "--state.url=file:data/", want: []string{"--state.url: does not name a file"}},
		"state on a host":       {args: "--state.url=file://data/ledger.db", want: []string{"--state.url: names a host", "file:data/ledger.db"}},
		"state memory path":     {args: "--state.url=memory:x", want: []string{"--state.url: memory: takes nothing"}},
		"state postgres":        {args: "--state.url=postgres:db", want: []string{"--state.url: is not a PostgreSQL URL"}},
		"state password":        {args: "--state.url=postgres://u:p@h/db", want: []string{"--state.url: contains a password", "--state.url-file", "OMEGASTREAM_EXPORTER_STATE_URL"}},
		"state password socket": {args: "--state.url=postgres://u:p@%2Frun%2Fdb/db", want: []string{"--state.url: contains a password"}},
		"state password query":  {args: "--state.url=postgresql://h/db?password=p", want: []string{"--state.url: contains a password"}},
		"state twice":           {args: "--state.url=memory: --state.url-file=" + file("memory", "memory:"), want: []string{"--state.url-file: cannot be combined with --state.url"}},
		"state file missing":    {args: "--state.url-file=" + dir + "/none", want: []string{"--state.url-file: open "}},
		"state file empty":      {args: "--state.url-file=" + file("blank", "\n"), want: []string{"--state.url-file: does not say"}},
		"schema":                {args: "--state.schema=a-b", want: []string{"--state.schema: cannot be the name"}},
		"copy without a source": {args: "state copy", want: []string{"--from"}},
		"copy of memory":        {args: "state copy --from=memory:", want: []string{"--from: is memory:"}},
		"copy into memory":      {args: "state copy --from=file:a.db --state.url=memory:", want: []string{"--state.url: is memory:, which keeps nothing"}},
		"copy with a password":  {args: "state copy --from=postgres://u:p@h/db", want: []string{"--from: contains a password", "PGPASSWORD"}},
		"copy and demo":         {args: "state copy --from=file:a.db --demo", want: []string{"--demo: keeps its state in memory"}},
		"schema reserved":       {args: "--state.schema=pg_x", want: []string{"--state.schema: cannot be the name"}},

		"path relative":      {args: "--web.telemetry-path=metrics", want: []string{"--web.telemetry-path: \"metrics\" is not a plain path", "/metrics"}},
		"path root":          {args: "--web.telemetry-path=/", want: []string{"--web.telemetry-path: "}},
		"path healthy":       {args: "--web.telemetry-path=/-/healthy", want: []string{"--web.telemetry-path: \"/-/healthy\" is taken"}},
		"path ready":         {args: "--web.telemetry-path=/-/ready", want: []string{"--web.telemetry-path: \"/-/ready\" is taken"}},
		"path endpoints":     {args: "--web.telemetry-path=/endpoints/x", want: []string{"--web.telemetry-path: \"/endpoints/x\" is taken"}},
		"path events":        {args: "--web.telemetry-path=/events/x", want: []string{"--web.telemetry-path: \"/events/x\" is taken"}},
		"path pprof":         {args: "--web.telemetry-path=/debug/pprof", want: []string{"--web.telemetry-path: \"/debug/pprof\" is taken"}},
		"path pattern":       {args: "--web.telemetry-path=/{x}", want: []string{"--web.telemetry-path: "}},
		"path unclean":       {args: "--web.telemetry-path=/a/../b", want: []string{"--web.telemetry-path: "}},
		"path assets":        {args: "--web.telemetry-path=/assets/x", want: []string{"--web.telemetry-path: \"/assets/x\" is taken"}},
		"external relative":  {args: "--web.external-url=/omega", want: []string{"--web.external-url: is not an absolute http or https URL", "https://monitoring.example.com/omegastream"}},
		"external scheme":    {args: "--web.external-url=ftp://h/", want: []string{"--web.external-url: is not an absolute"}},
		"external user":      {args: "--web.external-url=https://u:p@h/", want: []string{"--web.external-url: must not have a user, query or fragment"}},
		"external query":     {args: "--web.external-url=https://h/?x", want: []string{"--web.external-url: must not have a user, query or fragment"}},
		"external path":      {args: "--web.external-url=https://h/{x}", want: []string{"--web.external-url: has a path that is not plain"}},
		"external empty":     {args: "--web.external-url=", want: []string{"--web.external-url: is not an absolute"}},
		"prefix relative":    {args: "--web.route-prefix=x", want: []string{"--web.route-prefix: \"x\" is not a plain path", "/omegastream"}},
		"prefix unclean":     {args: "--web.route-prefix=/a/../b", want: []string{"--web.route-prefix: "}},
		"prefix pattern":     {args: "--web.route-prefix=/{x}/", want: []string{"--web.route-prefix: "}},
		"address":            {args: "--web.listen-address=9877", want: []string{"--web.listen-address: \"9877\"", ":9877"}},
		"address vsock":      {args: "--web.listen-address=vsock://:5000000000", want: []string{"--web.listen-address: "}},
		"address port":       {args: "--web.listen-address=:99999", want: []string{"--web.listen-address: "}},
		"web config missing": {args: "--web.config.file=" + dir + "/none", want: []string{"--web.config.file: "}},
		"web config plain":   {args: "--web.config.file=" + file("plain.yml", "basic_auth_users: {prometheus: "+hash+", other: x}\n"), want: []string{"--web.config.file: the password of user \"other\" in basic_auth_users is not a bcrypt hash", "htpasswd -nBC 10"}},
		"proxy port":         {env: "HTTPS_PROXY=http://h:port", want: []string{"--api.url: the environment variable HTTPS_PROXY is not the URL of a proxy", "http://proxy.example.com:3128"}},
		"proxy scheme":       {env: "https_proxy=ftp://h", want: []string{"--api.url: the environment variable https_proxy"}},
		"proxy for http":     {args: "--api.url=http://h --api.allow-insecure", env: "HTTP_PROXY=::", want: []string{"--api.url: the environment variable HTTP_PROXY"}},
		"web config broken":  {args: "--web.config.file=" + file("web.yml", "basic_auth_users: 3\nx: y\n"), want: []string{"--web.config.file: line 1 has a value of the wrong kind"}},
		"web config syntax":  {args: "--web.config.file=" + file("syntax.yml", "basic_auth_users:\n  x\n  y: z\n"), want: []string{"--web.config.file: is not YAML: line "}},
		"web config field":   {args: "--web.config.file=" + file("field.yml", "basic_auth_user: {}\n"), want: []string{"--web.config.file: line 1 has an unknown field"}},
		"web config file":    {args: "--web.config.file=" + file("file.yml", "tls_server_config: {cert_file: none, key_file: none}\n"), want: []string{"--web.config.file: cert_file: the file that it names cannot be read: no such file or directory"}},
		"web config no PEM":  {args: "--web.config.file=" + file("pem.yml", "tls_server_config: {cert_file: pem.yml, key_file: pem.yml}\n"), want: []string{"--web.config.file: certificate and key: tls: failed to find any PEM data in certificate input"}},
		"web config cert":    {args: "--web.config.file=" + file("cert.yml", "tls_server_config: {key: x}\n"), want: []string{"--web.config.file: tls_server_config needs cert or cert_file"}},
		"web config client":  {args: "--web.config.file=" + file("client.yml", "tls_server_config: {client_ca: x, cert: x, key: x}\n"), want: []string{"--web.config.file: certificate and key: "}},

		"demo with url":        {args: "--demo --api.url=https://api.omegastream.net/company", want: []string{"--api.url: cannot be combined with --demo"}},
		"demo with key file":   {args: "--demo --api.key-file=k", want: []string{"--api.key-file: cannot be combined with --demo"}},
		"demo with state":      {args: "--demo --state.url=memory:", want: []string{"--state.url: cannot be combined with --demo"}},
		"demo with state file": {args: "--demo --state.url-file=f", want: []string{"--state.url-file: cannot be combined with --demo"}},
		"demo with env":        {args: "--demo", env: "OMEGASTREAM_EXPORTER_STATE_URL=memory:", want: []string{"--state.url (from OMEGASTREAM_EXPORTER_STATE_URL): cannot"}},
		"demo not a bool":      {env: "OMEGASTREAM_EXPORTER_DEMO=perhaps", want: []string{"--demo (from OMEGASTREAM_EXPORTER_DEMO): \"perhaps\""}},
		"reset with demo":      {args: "state reset-counters --demo", want: []string{"--demo: keeps its state in memory"}},
		"state none":           {args: "--state.url=none", want: []string{"--state.url: is not a kind of state; write memory:"}},
		"reset of memory":      {args: "state reset-counters --state.url=memory:", want: []string{"--state.url: is memory:"}},
		"log level":            {args: "--log.level=trace", want: []string{"--log.level: \"trace\" is not one of debug, info, warn, error"}},
		"log format":           {args: "--log.format=text", want: []string{"--log.format: \"text\" is not one of logfmt, json"}},

		"unknown flag":    {args: "--bogus", want: []string{"--bogus", "try --help"}},
		"unknown command": {args: "chekc", want: []string{"chekc", "try --help"}},
		"stray argument":  {args: "check --demo postgres://u:p@h/db", want: []string{"argument 3 is neither a command nor a flag; try --help"}},
		"half a command":  {args: "state", want: []string{"state", "try --help"}},
		"flag twice":      {args: "--log.level=info --log.level=warn", want: []string{"log.level", "try --help"}},
		"flag no value":   {args: "--log.level", want: []string{"log.level", "try --help"}},
		"flag for value":  {args: "--state.url-file --demo", want: []string{"state.url-file", "try --help"}},
		"key as a flag":   {args: "--api.key=s3cret", want: []string{"never a flag", "OMEGASTREAM_API_KEY"}},
	} {
		t.Run(name, func(t *testing.T) {
			switch row.key {
			case "":
				t.Setenv(EnvKey, "key")
			case noKey:
			default:
				t.Setenv(EnvKey, row.key)
			}
			if name, content, ok := strings.Cut(row.env, "="); ok {
				t.Setenv(name, content)
			}
			_, _, err := Parse(strings.Fields(row.args), io.Discard, io.Discard)
			if err == nil {
				t.Fatal("passes")
			}
			var out strings.Builder
			Report(&out, err)
			if strings.Count(out.String(), "\n") != 1 || !strings.HasPrefix(out.String(), Program+": ") {
				t.Errorf("want one line that starts with the program's name:\n%s", out.String())
			}
			for _, want := range row.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in: %s", want, out.String())
				}
			}
		})
	}
}

func TestInputIsAccepted(t *testing.T) {
	dir := t.TempDir()
	keyFile, stateFileName := filepath.Join(dir, "key"), filepath.Join(dir, "state")
	openFile := filepath.Join(dir, "open")
	if err := errors.Join(os.WriteFile(openFile, []byte("key"), 0o600), os.Chmod(openFile, 0o644)); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{keyFile: " key\r\n", stateFileName: "postgres://u:p@h/db\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, row := range map[string]struct {
		args  string
		noKey bool
		env   string
		check func(Config) any
		want  any
	}{
		"loopback name":        {args: "--api.url=http://localhost:1/x", check: func(c Config) any { return c.API.URL.String() }, want: "http://localhost:1/x"},
		"loopback v4":          {args: "--api.url=http://127.8.8.8/", check: func(c Config) any { return c.API.URL.String() }, want: "http://127.8.8.8"},
		"loopback v6":          {args: "--api.url=http://[::1]:1", check: func(c Config) any { return c.API.URL.String() }, want: "http://[::1]:1"},
		"insecure on purpose":  {args: "--api.url=http://h --api.allow-insecure", check: func(c Config) any { return c.API.URL.String() }, want: "http://h"},
		"one way to write":     {args: "--api.url=HTTPS://API.OmegaStream.net/company//", check: func(c Config) any { return c.API.URL.String() }, want: "https://api.omegastream.net/company"},
		"no rate limit":        {args: "--api.rate-limit=0", check: func(c Config) any { return c.API.RateLimit }, want: 0.0},
		"key file":             {noKey: true, args: "--api.key-file=" + keyFile, check: func(c Config) any { return c.API.KeyFile + c.API.Key.Reveal() }, want: keyFile},
		"absolute state":       {args: "--state.url=file:/var/lib/l.db", check: func(c Config) any { return c.State.path }, want: "/var/lib/l.db"},
		"state as a file url":  {args: "--state.url=file:///var/lib/l.db", check: func(c Config) any { return c.State.path }, want: "/var/lib/l.db"},
		"memory":               {args: "--state.url=memory:", check: func(c Config) any { return c.State.String() }, want: "memory:"},
		"postgres":             {args: "--state.url=postgres://u@h/db", check: func(c Config) any { return c.State.String() }, want: "postgres://h:5432/db, schema omegastream_exporter"},
		"postgres by a socket": {args: "--state.url=postgres://u@%2Frun%2Fdb/db", check: func(c Config) any { return c.State.String() }, want: "postgres://%2Frun%2Fdb/db, schema omegastream_exporter"},
		"password from env":    {env: "OMEGASTREAM_EXPORTER_STATE_URL=postgres://u:p@h/db", check: func(c Config) any { return c.State.String() }, want: "postgres://h:5432/db, schema omegastream_exporter"},
		"password from file":   {args: "--state.url-file=" + stateFileName, check: func(c Config) any { return c.State.String() }, want: "postgres://h:5432/db, schema omegastream_exporter"},
		"metrics below":        {args: "--web.telemetry-path=/a/metrics", check: func(c Config) any { return c.Web.TelemetryPath }, want: "/a/metrics"},
		"vsock":                {args: "--web.listen-address=vsock://:9877", check: func(c Config) any { return c.Web.ToolkitListens() }, want: true},
		"demo ignores a key":   {args: "--demo", check: func(c Config) any { return c.API.Key.Reveal() }, want: ""},
		"demo without a key":   {args: "--demo", noKey: true, check: func(c Config) any { return c.State.String() }, want: "memory:"},
		"proxy of a host":      {env: "HTTPS_PROXY=proxy:3128", check: func(c Config) any { return len(c.Warnings) }, want: 0},
		"proxy not asked":      {args: "--api.url=http://127.0.0.1:1", env: "HTTP_PROXY=::", check: func(c Config) any { return len(c.Warnings) }, want: 0},
		"key file of one":      {noKey: true, args: "--api.key-file=" + keyFile, check: func(c Config) any { return len(c.Warnings) }, want: 0},
		"key file of all":      {noKey: true, args: "--api.key-file=" + openFile, check: func(c Config) any { return c.Warnings[0] }, want: "--api.key-file: every user of this host can read " + openFile + "; prevent that with chmod o-r"},
		"reset needs no key":   {args: "state reset-counters", noKey: true, check: func(c Config) any { return c.State.String() }, want: "file:data/ledger.db"},
	} {
		t.Run(name, func(t *testing.T) {
			if !row.noKey {
				t.Setenv(EnvKey, "key")
			}
			if name, content, ok := strings.Cut(row.env, "="); ok {
				t.Setenv(name, content)
			}
			_, cfg, err := Parse(strings.Fields(row.args), io.Discard, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if got := row.check(cfg); got != row.want {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}

func TestLinkPath(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][2]string{
		"":                                   {"", ""},
		"--web.external-url=http://h":        {"", ""},
		"--web.external-url=http://h/":       {"", ""},
		"--web.external-url=http://h:1/a/b/": {"/a/b", "/a/b"},
		"--web.route-prefix=/":               {"", ""},
		"--web.route-prefix=/r":              {"/r", "/r"},
		"--web.external-url=https://h/a --web.route-prefix=/":   {"/a", ""},
		"--web.external-url=https://h/a --web.route-prefix=/r/": {"/a", "/r"},
	} {
		_, cfg, err := Parse(append(strings.Fields(args), "--demo"), io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{cfg.Web.LinkPath(), cfg.Web.RoutePrefix}; got != want {
			t.Errorf("%q: links below %q, routes below %q, want %q", args, got[0], got[1], want)
		}
	}
}

// Neither errors nor printed values show secrets.
func TestSecretsStaySecret(t *testing.T) {
	const hidden = "s3cret"
	for name, row := range map[string]struct{ args, key, proxy, web string }{
		"broken key":          {key: hidden + " " + hidden},
		"user in url":         {args: "--api.url=https://u:" + hidden + "@h/"},
		"unreadable url":      {args: "--api.url=https://u:p/" + hidden + "@h/"},
		"url as port":         {args: "--api.url=https://h:" + hidden},
		"url query":           {args: "--api.url=https://h/?" + hidden},
		"state password":      {args: "--state.url=postgres://u:" + hidden + "@h/db"},
		"state unreadable":    {args: "--state.url=postgres://u:" + hidden + "%zz@h/db"},
		"state query":         {args: "--state.url=postgres://h/db?password=" + hidden},
		"state other scheme":  {args: "--state.url=mysql://u:" + hidden + "@h/db"},
		"state without one":   {args: "--state.url=" + hidden},
		"state odd scheme":    {args: "--state.url=" + hidden + "@h:p"},
		"webhook as endpoint": {args: "--webhook.endpoint-id=https://h/" + hidden},
		"key as a flag":       {args: "--api.key=" + hidden},
		"stray argument":      {args: "check postgres://u:" + hidden + "@h/db"},
		"stray word":          {args: hidden},
		"stray file":          {args: "@" + hidden},
		"value of a switch":   {args: "--demo=" + hidden},
		"proxy":               {key: "key", proxy: "http://u:" + hidden + "@h:p"},
		"web file scalar":     {key: "key", web: "basic_auth_users: " + hidden},
		"web file list":       {key: "key", web: "basic_auth_users: {user: [" + hidden + "]}"},
		"web file anchor":     {key: "key", web: "basic_auth_users: {user: *" + hidden + "}"},
		"web file password":   {key: "key", web: "basic_auth_users: {user: " + hidden + "}"},
		"web file cipher":     {key: "key", web: "tls_server_config: {cipher_suites: [" + hidden + "]}"},
		"web file client":     {key: "key", web: "tls_server_config: {cert_file: c, key_file: k, client_auth_type: " + hidden + "}"},
		"web file header":     {key: "key", web: "http_server_config: {headers: {X-Frame-Options: " + hidden + "}}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(EnvKey, row.key)
			t.Setenv("HTTPS_PROXY", row.proxy)
			args := strings.Fields(row.args)
			if row.web != "" {
				file := filepath.Join(t.TempDir(), "web.yml")
				if err := os.WriteFile(file, []byte(row.web), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--web.config.file="+file)
			}
			var out strings.Builder
			_, _, err := Parse(args, &out, &out)
			if err == nil {
				t.Fatal("passes")
			}
			Report(&out, err)
			if strings.Contains(out.String(), hidden) {
				t.Errorf("shows the secret: %s", out.String())
			}
		})
	}

	t.Setenv(EnvKey, hidden)
	t.Setenv("OMEGASTREAM_EXPORTER_STATE_URL", "postgres://u:"+hidden+"@h/db")
	_, cfg, err := Parse(nil, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&out, verb+"\n", cfg)
		fmt.Fprintf(&out, verb+"\n", cfg.API.Key)
	}
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("config", "config", cfg, "key", cfg.API.Key, slog.Group("state", "url", cfg.State, "server", cfg.State.server))
	if strings.Contains(out.String(), hidden) {
		t.Errorf("shows the secret: %s", out.String())
	}
}

// Control characters are printed as escapes, so that a terminal does not interpret them.
func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain é 漢字":       "plain é 漢字",
		"a\u202eb\x1b[31m": `a\u202eb\x1b[31m`,
		"a\nb\x7f\x00":     `a\nb\x7f\x00`,
		"\xff":             `\ufffd`,
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

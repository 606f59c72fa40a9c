package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
)

// The commands, as kingpin names the chosen one.
const (
	commandServe  = "serve"
	commandCheck  = "check"
	commandHealth = "healthcheck"
	commandReset  = "state reset-counters"
	commandCopy   = "state copy"
)

// flagFrom is the flag of commandCopy alone.
const flagFrom = "from"

const description = `Prometheus exporter for the webhooks of an OmegaStream account.

The API key is never a flag: set the environment variable ` + envKey + `, or name a file with --api.key-file.

Every flag has an environment variable, OMEGASTREAM_EXPORTER_ and its name in capitals with _ for every other character, such as OMEGASTREAM_EXPORTER_API_URL. A flag on the command line wins. Repeatable flags take several values there, one a line or separated by commas.`

// exited is returned by parse when kingpin has answered by itself, as it does
// for --help and --version. It is the exit status.
type exited int

func (e exited) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// parse reads the command line and the environment and checks all of it. An
// error is an exited, or joins every problem there is.
func parse(args []string, stdout, stderr io.Writer) (command string, cfg config, err error) {
	// kingpin's parser goes on as if nothing had happened when its terminate
	// function returns, so it must not return.
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exited:
			command, cfg, err = "", config{}, r
		default:
			panic(r)
		}
	}()

	f := newFlags(&cfg, stdout, stderr)
	command, err = f.app.Parse(f.withCommand(args))
	if err != nil {
		if strings.Contains(err.Error(), "'--api.key'") {
			return "", config{}, fmt.Errorf("the API key is never a flag: set %s or give a file with --api.key-file", envKey)
		}
		return "", config{}, fmt.Errorf("%w; try --help", err)
	}
	f.validate(command)
	if err := f.err(); err != nil {
		return "", config{}, err
	}
	return command, cfg, nil
}

// flags is the command line with what was found wrong in it so far.
type flags struct {
	app      *kingpin.Application
	cfg      *config
	raw      rawValues
	typed    map[string]*bool  // by flag: whether it is on the command line
	problems map[string]string // by flag: the first thing wrong with it
}

// rawValues are the flags that mean something only once they are checked.
type rawValues struct {
	apiURL       string
	stateURL     string
	stateURLFile string
	from         string
	externalURL  string
	routePrefix  string
}

func newFlags(cfg *config, stdout, stderr io.Writer) *flags {
	f := &flags{
		app:      kingpin.New(program, description),
		cfg:      cfg,
		typed:    make(map[string]*bool),
		problems: make(map[string]string),
	}
	// The anonymous struct hides that stdout may be a terminal: the help is made
	// for 80 columns.
	f.app.UsageWriter(struct{ io.Writer }{stdout}).ErrorWriter(stderr)
	f.app.Terminate(func(status int) { panic(exited(status)) })
	f.app.UsageTemplate(usageTemplate).UsageFuncs(usageFuncs)
	f.app.Version(version.Print(program))
	f.app.HelpFlag.Short('h').Help("Show this help.")
	f.app.DefaultEnvars()
	f.prints("man-page", manTemplate)
	f.prints("completion-script-fish", fishTemplate)
	// What kingpin brings along, and the like, is about one call, not about a set-up.
	for _, own := range f.app.Model().Flags {
		f.app.GetFlag(own.Name).NoEnvar()
	}
	f.register()

	f.app.Command(commandServe, "Serve the metrics. This is what runs without a command.")
	f.app.Command(commandCheck, "Check key, API, endpoints and state, and show what was found.")
	f.app.Command(commandHealth, "Ask the exporter that runs here, with the same flags, whether it is healthy.")
	state := f.app.Command("state", "Work on the stored state.")
	state.Command("reset-counters", "Start the counters at 0 again, as needed after restoring a backup. What was already counted stays known.")
	state.Command("copy", "Copy a state into --state.url, which must be empty; the counters go on there where they stand.").
		Flag(flagFrom, "The state to copy: file:PATH, or postgres://... without a password.").PlaceHolder("URL").Required().NoEnvar().StringVar(&f.raw.from)
	return f
}

// withCommand adds the command that is meant when there is none. kingpin could do
// so, but with a default command it takes a flag that lacks its value for none.
func (f *flags) withCommand(args []string) []string {
	context, err := f.app.ParseContext(args)
	if err != nil || context.SelectedCommand != nil {
		return args
	}
	for _, element := range context.Elements {
		if flag, ok := element.Clause.(*kingpin.FlagClause); ok && f.typed[flag.Model().Name] == nil {
			return args // kingpin's own, like --help, which is about no command
		}
	}
	return append([]string{commandServe}, args...)
}

// prints registers a flag that is like --help, for who packages the program: it
// writes a template and ends.
func (f *flags) prints(name, template string) {
	f.app.Flag(name, "Print it and end.").Hidden().PreAction(func(c *kingpin.ParseContext) error {
		if err := f.app.UsageForContextWithTemplate(c, 2, template); err != nil {
			return err
		}
		panic(exited(0))
	}).Bool()
}

func (f *flags) register() {
	c := f.cfg
	f.add("api.url", "https://api.omegastream.net/company", "Base URL of the OmegaStream API.", text(&f.raw.apiURL))
	f.add("api.key-file", "", "File with the API key; read again when it changes.", text(&c.api.keyFile)).PlaceHolder("FILE")
	f.add("api.allow-insecure", "", "Allow a plain http --api.url to another host. The key is sent unencrypted.", toggle(&c.api.allowInsecure))
	f.add("api.timeout", "10s", "Time limit of one API request: to the last byte of an event's detail, to the header of a list.", duration(&c.api.timeout))
	f.add("api.max-list-events", "10000000", "Give up reading a list of events that is longer than this.", whole(&c.api.maxListEvents))
	f.add("api.concurrency", "16", "API requests at a time.", whole(&c.api.concurrency))
	f.add("api.rate-limit", "20", "API requests a second, may be under 1. 0 is no limit.", number(&c.api.rateLimit))

	f.add("webhook.endpoint-id", "", "Watch this webhook endpoint only, not all of the account. Repeatable.", list(&c.webhook.endpointIDs)).PlaceHolder("ID")
	f.add("webhook.url-detail", "host", "How much of an endpoint's URL is shown: host, path or none. The path of many webhooks is a secret.", oneOf(&c.webhook.urlDetail, "host", "path", "none"))

	f.add("collector.window", "24h", "Watch the events of this last span of time, 1h to 31d.", duration(&c.collector.window))
	f.add("collector.overlap", "15m", "How far behind the newest known event a read of a list goes on, for events that are listed late. At most half of --collector.window.", duration(&c.collector.overlap))
	f.add("collector.no-response-after", "10m", "Count a delivery as without response when it still has none after this time.", duration(&c.collector.noResponseAfter))
	f.add("collector.hold-new-series", "1m", "Show a new series at 0 for this long, so that increase() sees the first failure. At least the longest scrape interval; 0 switches it off.", duration(&c.collector.holdNewSeries))
	f.add("collector.min-interval", "5s", "Scrapes nearer than this to the end of the last sync with the API share its result. 0 syncs at every scrape.", duration(&c.collector.minInterval))
	f.add("collector.timeout", "9.5s", "Deadline of a scrape whose scraper sends none. At most 2m.", duration(&c.collector.timeout))
	f.add("collector.timeout-offset", "500ms", "Answer this much before the scraper's own timeout.", duration(&c.collector.timeoutOffset))

	f.add("state.url", "file:data/ledger.db", "Where to keep what was counted: file:PATH, memory:, or postgres://USER@HOST/DATABASE, which replicas share. One with a password not on the command line.", text(&f.raw.stateURL))
	f.add("state.url-file", "", "File with the --state.url.", text(&f.raw.stateURLFile)).PlaceHolder("FILE")
	f.add("state.schema", program, "Schema of a state in PostgreSQL, one for each account. It is made where it is missing.", text(&c.state.schema))

	f.registerWeb()

	f.add("demo", "", "Serve a simulated account: no key needed, state in memory.", toggle(&c.demo))
	f.add("log.level", "info", "Log messages from this severity on: debug, info, warn or error.", oneOf(&c.log.level, "debug", "info", "warn", "error"))
	f.add("log.format", "logfmt", "Format of the log: logfmt or json.", oneOf(&c.log.format, "logfmt", "json"))
}

// registerWeb takes exporter-toolkit's flags and gives them our values, so that
// they are checked and reported like the others, and help that fits.
func (f *flags) registerWeb() {
	c := &f.cfg.web
	c.toolkit = kingpinflag.AddFlags(f.app, ":9877")
	f.adopt("web.listen-address", "Address to listen on. Repeatable. :9877, [::1]:9877 or vsock://:9877.", list(c.toolkit.WebListenAddresses))
	if f.app.GetFlag("web.systemd-socket") != nil { // Linux only
		f.adopt("web.systemd-socket", "Listen on the sockets that systemd passes, not on an address.", toggle(c.toolkit.WebSystemdSocket))
	}
	f.adopt("web.config.file", "File with TLS, client certificates and basic auth, in the format of exporter-toolkit.", text(c.toolkit.WebConfigFile)).PlaceHolder("FILE").Default()
	f.add("web.external-url", "", "URL under which people reach the exporter, such as through a reverse proxy. Its path stands before every link of the pages.", text(&f.raw.externalURL)).PlaceHolder("URL")
	f.add("web.route-prefix", "", "Path before every route of the exporter. By default the path of --web.external-url; / where the proxy takes that off.", text(&f.raw.routePrefix)).PlaceHolder("PATH")
	f.add("web.telemetry-path", "/metrics", "Path of the metrics, behind --web.route-prefix.", text(&c.telemetryPath))
	f.add("web.show-response-body", "", "Keep the first 1 KiB of what a receiver answered to a delivery that failed, and show it on the pages. It may hold secrets.", toggle(&c.showBody))
	f.add("web.enable-pprof", "", "Serve the Go profiler on /debug/pprof/.", toggle(&c.enablePprof))
}

// add registers a flag. An empty fallback is none.
func (f *flags) add(name, fallback, help string, v *value) *kingpin.FlagClause {
	flag := f.app.Flag(name, help)
	if fallback != "" {
		flag.Default(fallback)
	}
	return f.adopt(name, help, v)
}

// adopt gives a registered flag its value and help.
func (f *flags) adopt(name, help string, v *value) *kingpin.FlagClause {
	typed := new(bool)
	f.typed[name] = typed
	v.fail = func(err error) { f.reject(name, "%w", err) }
	flag := f.app.GetFlag(name).Help(help).IsSetByUser(typed)
	flag.SetValue(v)
	if len(v.options) > 0 {
		flag.HintOptions(v.options...)
	}
	return flag
}

// given says whether a flag was set, on the command line or by its variable.
func (f *flags) given(name string) bool {
	return *f.typed[name] || f.app.GetFlag(name).HasEnvarValue()
}

// reject notes a problem of a flag. Only the first one counts: what follows from
// a value that could not be read is no news.
func (f *flags) reject(name, format string, args ...any) {
	if f.ok(name) {
		f.problems[name] = fmt.Errorf(format, args...).Error()
	}
}

// ok says whether none of the flags has a problem.
func (f *flags) ok(names ...string) bool {
	for _, name := range names {
		if _, bad := f.problems[name]; bad {
			return false
		}
	}
	return true
}

// err joins the problems in the order of the help.
func (f *flags) err() error {
	var errs []error
	for _, flag := range f.app.Model().Flags {
		problem, bad := f.problems[flag.Name]
		if !bad {
			continue
		}
		from := ""
		if typed := f.typed[flag.Name]; !*typed && os.Getenv(flag.Envar) != "" {
			from = " (from " + flag.Envar + ")"
		}
		errs = append(errs, fmt.Errorf("--%s%s: %s", flag.Name, from, problem))
	}
	if problem, bad := f.problems[flagFrom]; bad {
		errs = append(errs, fmt.Errorf("--%s: %s", flagFrom, problem))
	}
	return errors.Join(errs...)
}

package config

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
)

// Command is a command of the program.
type Command string

// The commands, as kingpin names them.
const (
	Serve         Command = "serve"
	Check         Command = "check"
	Healthcheck   Command = "healthcheck"
	ResetCounters Command = "state reset-counters"
	CopyState     Command = "state copy"
)

// flagFrom is a flag of CopyState only.
const flagFrom = "from"

const description = `Prometheus exporter for the webhooks of an OmegaStream account.

The API key is never a flag: set the environment variable ` + EnvKey + `, or name a file with --api.key-file.

Every flag has an environment variable: OMEGASTREAM_EXPORTER_ and its name in capitals, with dots and dashes replaced by _, such as OMEGASTREAM_EXPORTER_API_URL. A flag on the command line wins. The variable of a repeatable flag takes several values, one a line or separated by commas.`

// ExitError is returned by Parse if the answer is already printed, as for --help and
// --version. It is the exit status.
type ExitError int

func (e ExitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Parse reads and checks the command line and the environment. An error is an
// ExitError, or joins all problems.
func Parse(args []string, stdout, stderr io.Writer) (command Command, cfg Config, err error) {
	// kingpin's parser continues if its terminate function returns, so that must not
	// return.
	defer func() {
		switch r := recover().(type) {
		case nil:
		case ExitError:
			command, cfg, err = "", Config{}, r
		default:
			panic(r)
		}
	}()

	f := newFlags(&cfg, stdout, stderr)
	if printed, err := f.print(args, stdout); err != nil {
		return "", Config{}, err
	} else if printed {
		return "", Config{}, ExitError(0)
	}
	name, err := f.app.Parse(f.withCommand(args))
	command = Command(name)
	if err != nil {
		return "", Config{}, f.argumentError(err, args)
	}
	f.validate(command)
	if err := f.err(); err != nil {
		return "", Config{}, err
	}
	return command, cfg, nil
}

// flags is the command line, with the problems found so far.
type flags struct {
	app      *kingpin.Application
	cfg      *Config
	raw      rawValues
	typed    map[string]*bool  // by flag: whether it is on the command line
	problems map[string]string // by flag: the first thing wrong with it
}

// rawValues are the values of flags that need a check first.
type rawValues struct {
	apiURL       string
	stateURL     string
	stateURLFile string
	stateSchema  string
	from         string
	externalURL  string
	routePrefix  string
}

func newFlags(cfg *Config, stdout, stderr io.Writer) *flags {
	f := &flags{
		app:      kingpin.New(Program, description),
		cfg:      cfg,
		typed:    make(map[string]*bool),
		problems: make(map[string]string),
	}
	// The anonymous struct hides that stdout can be a terminal, because the help is formatted
	// for 80 columns.
	f.app.UsageWriter(struct{ io.Writer }{stdout}).ErrorWriter(stderr)
	f.app.Terminate(func(status int) { panic(ExitError(status)) })
	f.app.UsageTemplate(usageTemplate).UsageFuncs(usageFuncs)
	f.app.Version(version.Print(Program))
	f.app.HelpFlag.Short('h').Help("Show this help.")
	f.app.DefaultEnvars()
	// kingpin's own flags, such as --help, do not configure anything.
	for _, own := range f.app.Model().Flags {
		f.app.GetFlag(own.Name).NoEnvar()
	}
	f.register()

	f.app.Command(string(Serve), "Serve the metrics. The default command.")
	f.app.Command(string(Check), "Check the key, the API, the endpoints and the state.")
	f.app.Command(string(Healthcheck), "Check whether the exporter that runs here with the same flags is healthy.")
	state := f.app.Command("state", "Change the stored state.")
	state.Command("reset-counters", "Start the counters at 0 again, as needed after restoring a backup. Known events are not counted again.").
		Flag("yes", "Do not ask for confirmation if an exporter uses the state.").NoEnvar().BoolVar(&f.cfg.Yes)
	state.Command("copy", "Copy a state to --state.url, which must be empty. The counters keep their values.").
		Flag(flagFrom, "State to copy: file:PATH, or postgres://... without a password.").PlaceHolder("URL").Required().NoEnvar().StringVar(&f.raw.from)
	return f
}

// withCommand adds the default command if there is none. kingpin could do that, but then
// misses it when a flag lacks its value.
func (f *flags) withCommand(args []string) []string {
	context, err := f.app.ParseContext(args)
	if err != nil || context.SelectedCommand != nil {
		return args
	}
	for _, element := range context.Elements {
		if flag, ok := element.Clause.(*kingpin.FlagClause); ok && f.typed[flag.Model().Name] == nil {
			return args // kingpin's own, like --help, which needs no command
		}
	}
	return append([]string{string(Serve)}, args...)
}

// add registers a flag. An empty fallback means no default.
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

// given reports whether a flag was set, on the command line or by its variable.
func (f *flags) given(name string) bool {
	return *f.typed[name] || f.app.GetFlag(name).HasEnvarValue()
}

// reject records a problem of a flag. Only the first one counts: further problems of a
// value that could not be read only follow from it.
func (f *flags) reject(name, format string, args ...any) {
	if f.ok(name) {
		f.problems[name] = fmt.Errorf(format, args...).Error()
	}
}

// warn records a warning: something that is allowed but probably not intended.
func (f *flags) warn(format string, args ...any) {
	f.cfg.Warnings = append(f.cfg.Warnings, fmt.Sprintf(format, args...))
}

// ok reports whether none of the flags has a problem.
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

// Command release packs what `make release` has built: for each platform an archive with the program, its manual page,
// completions, units and licences, and an SBOM; and one file of checksums. The same programs give the same bytes: every
// file has the date of the commit, and nothing else of the time or the machine gets in.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const program = "omegastream_exporter"

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// options are what the Makefile tells.
type options struct {
	root    string // of the repository
	built   string // folder with a folder OS-ARCH for each platform, and host
	out     string
	version string // without a v
	date    time.Time
}

func run(args []string, stderr io.Writer) error {
	var o options
	var epoch int64
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.root, "root", "../..", "the repository")
	flags.StringVar(&o.built, "built", "", "folder with the programs: OS-ARCH/"+program+", and host/"+program+" for this machine")
	flags.StringVar(&o.out, "out", "", "folder for the archives")
	flags.StringVar(&o.version, "version", "", "version, such as 1.2.3")
	flags.Int64Var(&epoch, "epoch", 0, "date of the commit, in Unix seconds")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.built == "" || o.out == "" || o.version == "" || epoch <= 0 || flags.NArg() > 0 {
		return errors.New("needs -built, -out, -version and -epoch; use `make release`")
	}
	o.date = time.Unix(epoch, 0).UTC()
	return release(o)
}

func release(o options) error {
	common, err := commonFiles(o)
	if err != nil {
		return err
	}
	platforms, err := filepath.Glob(filepath.Join(o.built, "*-*"))
	if err != nil {
		return err
	}
	if len(platforms) == 0 {
		return fmt.Errorf("%s has no programs", o.built)
	}
	var made []string
	for _, dir := range platforms {
		names, err := pack(o, dir, common)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(dir), err)
		}
		made = append(made, names...)
	}
	return writeChecksums(o.out, made)
}

// pack writes the archive and the SBOM of one platform and returns their names.
func pack(o options, dir string, files []file) (names []string, err error) {
	platform := filepath.Base(dir)
	binary := file{name: program, mode: 0o755}
	if strings.HasPrefix(platform, "windows-") {
		binary.name += ".exe"
	}
	if binary.content, err = os.ReadFile(filepath.Join(dir, binary.name)); err != nil {
		return nil, err
	}
	modules, err := linked(o.root, filepath.Join(dir, binary.name))
	if err != nil {
		return nil, err
	}
	files = append([]file{binary, {name: "THIRD_PARTY_LICENSES.txt", mode: 0o644, content: notices(modules)}}, files...)

	base := program + "-" + o.version + "." + platform
	archive, write := base+".tar.gz", writeTarGz
	if strings.HasPrefix(platform, "windows-") {
		archive, write = base+".zip", writeZip
	}
	sbom, err := newDocument(base, o, binary.content, modules).encode()
	if err != nil {
		return nil, err
	}
	return []string{archive, base + ".spdx.json"}, errors.Join(
		create(filepath.Join(o.out, archive), func(w io.Writer) error { return write(w, base, o.date, files) }),
		os.WriteFile(filepath.Join(o.out, base+".spdx.json"), sbom, 0o644))
}

// create writes a file.
func create(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is what a program has of others.
type module struct {
	path, version string
	texts         []string // of its licences and notices
	license       string   // SPDX expression
}

// linked returns the modules in a program, and Go's own library, with the licences
// that come with them.
func linked(root, binary string) ([]module, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	dirs, goroot, err := sources(root)
	if err != nil {
		return nil, err
	}
	modules := []module{{path: "stdlib", version: strings.TrimPrefix(info.GoVersion, "go")}}
	dirs["stdlib"] = goroot
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		modules = append(modules, module{path: m.Path, version: m.Version})
	}
	for i := range modules {
		if err := modules[i].readLicenses(dirs[modules[i].path]); err != nil {
			return nil, err
		}
	}
	return modules, nil
}

// sources finds where Go has the modules of the repository, and itself.
func sources(root string) (dirs map[string]string, goroot string, err error) {
	list := exec.Command("go", "list", "-m", "-json", "all")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return nil, "", fmt.Errorf("go list: %w", err)
	}
	dirs = make(map[string]string)
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var m struct{ Path, Dir string }
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, "", err
		}
		dirs[m.Path] = m.Dir
	}
	env := exec.Command("go", "env", "GOROOT")
	env.Dir = root
	out, err = env.Output()
	return dirs, strings.TrimSpace(string(out)), err
}

var (
	licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying)`)
	noticeFile  = regexp.MustCompile(`(?i)^notice`)
)

// readLicenses reads the files in dir. A module without a licence that we know is an
// error: somebody has to look at it before it is given to others.
func (m *module) readLicenses(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.path, err)
	}
	var ids []string
	for _, entry := range entries {
		license := licenseFile.MatchString(entry.Name())
		if entry.IsDir() || !license && !noticeFile.MatchString(entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		m.texts = append(m.texts, strings.TrimSpace(string(content)))
		if !license {
			continue
		}
		id := identify(string(content))
		if id == "" {
			return fmt.Errorf("%s: %s is no licence that is known here", m.path, entry.Name())
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return fmt.Errorf("%s: has no licence", m.path)
	}
	slices.Sort(ids)
	m.license = strings.Join(slices.Compact(ids), " AND ")
	return nil
}

// identify returns the SPDX identifier of a licence's text, as far as there is one
// among what Go modules use; empty for others.
func identify(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	has := func(phrase string) bool { return strings.Contains(text, phrase) }
	switch {
	case has("Apache License Version 2.0"), has("Licensed under the Apache License, Version 2.0"):
		return "Apache-2.0"
	case has("Mozilla Public License Version 2.0"), has("Mozilla Public License, version 2.0"):
		return "MPL-2.0"
	case has("Permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("Permission to use, copy, modify, and/or distribute this software for any purpose"):
		return "ISC"
	case has("Redistribution and use in source and binary forms") && has("may be used to endorse or promote products"):
		return "BSD-3-Clause"
	case has("Redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	}
	return ""
}

// notices are the licences of modules as one text. Most of them want their text to go
// with a program.
func notices(modules []module) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s is under the licence in LICENSE. It contains these modules of others:\n", program)
	rule := strings.Repeat("=", 79)
	for _, m := range modules {
		fmt.Fprintf(&out, "\n\n%s\n%s %s (%s)\n%s\n\n%s\n", rule, m.path, m.version, m.license, rule, strings.Join(m.texts, "\n\n"))
	}
	return out.Bytes()
}

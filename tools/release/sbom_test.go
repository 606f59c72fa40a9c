package main

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	spdx "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
)

// checkDocument reads an SBOM with SPDX's own library, which finds dangling references, and
// checks mandatory fields.
func checkDocument(t *testing.T, name, title string) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := spdx.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := spdxlib.ValidateDocument(d); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if d.SPDXVersion != "SPDX-2.3" || d.DataLicense != "CC0-1.0" || d.SPDXIdentifier != "DOCUMENT" || d.DocumentName != title ||
		!regexp.MustCompile(`^https://[^#]+$`).MatchString(d.DocumentNamespace) {
		t.Errorf("%s: %+v", name, d)
	}
	if c := d.CreationInfo; c.Created != "2024-01-02T03:04:05Z" || len(c.Creators) != 1 || c.Creators[0].CreatorType != "Tool" {
		t.Errorf("%s: created %+v", name, c)
	}
	var names []string
	for _, p := range d.Packages {
		names = append(names, p.PackageName)
		if p.PackageVersion == "" || p.PackageDownloadLocation == "" || p.FilesAnalyzed || p.PackageLicenseDeclared == "" ||
			p.PackageLicenseDeclared == noAssertion || len(p.PackageExternalReferences) != 1 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for _, want := range []string{program, "stdlib", "github.com/prometheus/client_golang", "go.etcd.io/bbolt"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s has only %q", name, names)
		}
	}
	described, err := spdxlib.GetDescribedPackageIDs(d)
	if err != nil || len(described) != 1 || described[0] != "Program" {
		t.Errorf("%s describes %v: %v", name, described, err)
	}
	if len(d.Relationships) != len(d.Packages) {
		t.Errorf("%s: %d relationships for %d packages", name, len(d.Relationships), len(d.Packages))
	}
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Apache License\n      Version 2.0, January 2004":                                                           "Apache-2.0",
		"Permission is hereby granted, free of charge, to any person\nobtaining a copy of":                          "MIT",
		"Redistribution and use in source and binary forms, with or without":                                        "BSD-2-Clause",
		"Redistribution and use in source and binary forms ... may be used to endorse or\npromote products derived": "BSD-3-Clause",
		"Mozilla Public License Version 2.0":                                                                        "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007":                                                        "",
		"All rights reserved. You may look at it on Tuesdays only":                                                  "",
	} {
		if got := identify(text); got != want {
			t.Errorf("%.40q is %q, want %q", text, got, want)
		}
	}
}

// A module without a licence, or with an unknown one, makes the release fail.
func TestUnknownLicense(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := module{path: "example.com/m"}
	if err := m.readLicenses(dir); err == nil || !strings.Contains(err.Error(), "has no licence") {
		t.Errorf("without one: %v", err)
	}
	if err := os.WriteFile(dir+"/LICENSE", []byte("ask me"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.readLicenses(dir); err == nil || !strings.Contains(err.Error(), "no licence that is known") {
		t.Errorf("unknown: %v", err)
	}
}

// SPDX identifiers allow few characters, and package URLs escape theirs.
func TestDocumentOfAModule(t *testing.T) {
	t.Parallel()
	d := newDocument("x", options{version: "1"}, nil, []module{{path: "example.com/A_b/v2", version: "v2.0.0+incompatible", license: "MIT"}})
	p := d.Packages[1]
	if p.SPDXID != "SPDXRef-Module-example.com-A-b-v2" || p.ExternalRefs[0].ReferenceLocator != "pkg:golang/example.com/a_b/v2@v2.0.0%2Bincompatible" {
		t.Errorf("%+v", p)
	}
}

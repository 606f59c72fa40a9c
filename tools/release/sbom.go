package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// The types below are the part of SPDX 2.3 that tells what a Go program is made of.
// https://spdx.github.io/spdx-spec/v2.3/

type document struct {
	SPDXVersion       string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	SPDXID            string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creationInfo   `json:"creationInfo"`
	Packages          []spdxPackage  `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creationInfo struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	SPDXID                string        `json:"SPDXID"`
	Name                  string        `json:"name"`
	VersionInfo           string        `json:"versionInfo"`
	DownloadLocation      string        `json:"downloadLocation"`
	FilesAnalyzed         bool          `json:"filesAnalyzed"`
	Checksums             []checksum    `json:"checksums,omitempty"`
	LicenseConcluded      string        `json:"licenseConcluded"`
	LicenseDeclared       string        `json:"licenseDeclared"`
	CopyrightText         string        `json:"copyrightText"`
	PrimaryPackagePurpose string        `json:"primaryPackagePurpose"`
	ExternalRefs          []externalRef `json:"externalRefs"`
}

type checksum struct {
	Algorithm     string `json:"algorithm"`
	ChecksumValue string `json:"checksumValue"`
}

type externalRef struct {
	ReferenceCategory string `json:"referenceCategory"`
	ReferenceType     string `json:"referenceType"`
	ReferenceLocator  string `json:"referenceLocator"`
}

type relationship struct {
	SPDXElementID      string `json:"spdxElementId"`
	RelationshipType   string `json:"relationshipType"`
	RelatedSPDXElement string `json:"relatedSpdxElement"`
}

const (
	documentID  = "SPDXRef-DOCUMENT"
	programID   = "SPDXRef-Program"
	noAssertion = "NOASSERTION" // we make no claim
)

// newDocument describes a program and the modules in it. Its namespace has to be
// unique to its content, so it ends in the program's checksum.
func newDocument(name string, o options, binary []byte, modules []module) document {
	sum := fmt.Sprintf("%x", sha256.Sum256(binary))
	own := newPackage(programID, program, o.version, "Apache-2.0", "APPLICATION", "pkg:generic/"+program+"@"+o.version)
	own.Checksums = []checksum{{Algorithm: "SHA256", ChecksumValue: sum}}
	d := document{
		SPDXVersion:       "SPDX-2.3",
		DataLicense:       "CC0-1.0",
		SPDXID:            documentID,
		Name:              name,
		DocumentNamespace: "https://spdx.org/spdxdocs/" + name + "-" + sum,
		CreationInfo:      creationInfo{Created: o.date.Format(time.RFC3339), Creators: []string{"Tool: " + program + "-release"}},
		Packages:          []spdxPackage{own},
		Relationships:     []relationship{{documentID, "DESCRIBES", programID}},
	}
	for _, m := range modules {
		id := "SPDXRef-Module-" + notInID.ReplaceAllString(m.path, "-")
		purl := "pkg:golang/" + strings.ToLower(m.path) + "@" + strings.ReplaceAll(m.version, "+", "%2B")
		d.Packages = append(d.Packages, newPackage(id, m.path, m.version, m.license, "LIBRARY", purl))
		d.Relationships = append(d.Relationships, relationship{programID, "DEPENDS_ON", id})
	}
	return d
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func newPackage(id, name, version, license, purpose, purl string) spdxPackage {
	return spdxPackage{
		SPDXID: id, Name: name, VersionInfo: version,
		DownloadLocation: noAssertion, CopyrightText: noAssertion,
		LicenseConcluded: license, LicenseDeclared: license,
		PrimaryPackagePurpose: purpose,
		ExternalRefs:          []externalRef{{"PACKAGE-MANAGER", "purl", purl}},
	}
}

func (d document) encode() ([]byte, error) {
	out, err := json.MarshalIndent(d, "", "  ")
	return append(out, '\n'), err
}

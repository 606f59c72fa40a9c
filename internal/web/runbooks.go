package web

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"omegastream_exporter/docs"
)

// runbooks serves docs/runbooks.md of this version. A section has the name of its
// alert as its id.
func (p *Pages) runbooks(*http.Request, time.Time) answer {
	html, err := runbooksHTML()
	if err != nil {
		panic(err) // it is part of the program
	}
	return answer{title: "Runbooks", template: "runbooks", content: html, still: true}
}

var runbooksHTML = sync.OnceValues(func() (template.HTML, error) {
	md := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	root := md.Parser().Parse(text.NewReader(docs.Runbooks), parser.WithContext(parser.NewContext(parser.WithIDs(headingIDs{}))))
	var links []*ast.Link
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			links = append(links, n)
		case *ast.Heading:
			addSmallID(n)
		}
		return ast.WalkContinue, nil
	})
	for _, l := range links {
		mendLink(l)
	}
	var out bytes.Buffer
	err := md.Renderer().Render(&out, docs.Runbooks, root)
	return template.HTML(out.String()), err //nolint:gosec // it is part of the program
})

// addSmallID also gives a section the id that it has on GitHub, so that links to the
// document there work here too.
func addSmallID(h *ast.Heading) {
	id, _ := h.AttributeString("id")
	name, _ := id.([]byte)
	small := bytes.ToLower(name)
	if h.FirstChild() == nil || bytes.Equal(name, small) {
		return
	}
	anchor := ast.NewString([]byte(`<span id="` + template.HTMLEscapeString(string(small)) + `"></span>`))
	anchor.SetCode(true) // as it is
	h.InsertBefore(h, h.FirstChild(), anchor)
}

// mendLink turns a link of the document into one of the page. It replaces a link to a
// file of the repository by its text.
func mendLink(l *ast.Link) {
	to := string(l.Destination)
	switch {
	case strings.HasPrefix(to, "https://"):
	case strings.HasPrefix(to, "#"): // GitHub writes the names of sections small
		l.Destination = []byte("#" + sectionNames()[to[1:]])
	default:
		parent := l.Parent()
		for child := l.FirstChild(); child != nil; child = l.FirstChild() {
			parent.InsertBefore(parent, l, child)
		}
		parent.RemoveChild(parent, l)
	}
}

// sectionNames maps the ids that GitHub gives the sections to the names of the alerts.
var sectionNames = sync.OnceValue(func() map[string]string {
	names := make(map[string]string)
	for line := range strings.Lines(string(docs.Runbooks)) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			name := headingID(strings.TrimSpace(title))
			names[strings.ToLower(name)] = name
		}
	}
	return names
})

func headingID(title string) string { return strings.ReplaceAll(title, " ", "-") }

// headingIDs uses the text of a heading as its id, so that a link can name an alert.
type headingIDs struct{}

func (headingIDs) Generate(title []byte, _ ast.NodeKind) []byte {
	return []byte(headingID(string(title)))
}
func (headingIDs) Put([]byte) {}

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

// addSmallID lets a section be found by the name that GitHub gives it, too: links that
// were made for the document there lead to the same place here.
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

// mendLink makes a link of the document one of the page. What leads to a file of the
// source becomes its text.
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

// sectionNames are the names of the alerts by what GitHub makes of them.
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

// headingIDs gives a heading its text as its id: an alert is found by its name.
type headingIDs struct{}

func (headingIDs) Generate(title []byte, _ ast.NodeKind) []byte {
	return []byte(headingID(string(title)))
}
func (headingIDs) Put([]byte) {}

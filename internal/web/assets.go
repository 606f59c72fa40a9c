package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var static embed.FS

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/*.tmpl"))

const assetPath = "/assets/"

// assets are the files that the pages load, by name. A name changes with the content,
// so a browser can cache the file forever.
var assets = func() map[string]string {
	names := make(map[string]string)
	for _, name := range []string{"style.css", "refresh.js", "icon.svg"} {
		names[assetName(name)] = "static/" + name
	}
	return names
}()

// assetName returns style.0123abcd.css for style.css.
func assetName(name string) string {
	content, err := static.ReadFile("static/" + name)
	if err != nil {
		panic(err) // the file is part of the program
	}
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:4]) + ext
}

var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func (p *Pages) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, err := static.ReadFile(assets[name])
	if err != nil {
		p.notFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	send(w, r, http.StatusOK, assetTypes[path.Ext(name)], content)
}

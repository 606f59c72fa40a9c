package web

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"omegastream_exporter/internal/test/needs"
)

// everyPage maps names to pages that together show everything.
var everyPage = map[string]string{
	"overview": "/", "endpoint": "/endpoints/ep-bad", "filtered": "/endpoints/ep-bad?code=none", "pending": "/endpoints/ep-good",
	"failures": "/failures", "one code": "/failures?code=503", "no failures": "/failures?code=404", "runbooks": "/runbooks",
	"event": "/events/shared%20event%2F1", "bodies": "/events/" + hexID(3), "missing": "/nothing",
}

func stillServer(t *testing.T) string {
	t.Helper()
	o := options()
	o.ShowBody = true
	server := httptest.NewServer(filled(t, o))
	t.Cleanup(server.Close)
	return server.URL
}

// look is a window width and a colour scheme.
type look struct {
	width  int64
	scheme string
}

var looks = []look{{390, "light"}, {390, "dark"}, {768, "light"}, {768, "dark"}, {1440, "light"}, {1440, "dark"}}

// eachLook opens the wanted pages in each look. Pages of a scene have its name as a prefix,
// before a comma.
func eachLook(b *tab, wanted func(page string, l look) bool, see func(look string)) {
	pages := make(map[string]string) // URLs by name
	url := stillServer(b.T)
	for name, path := range everyPage {
		pages[name] = url + path
	}
	for of, s := range scenes() {
		url := serveScene(b.T, s)
		for name, path := range s.pages {
			pages[of+", "+name] = url + path
		}
	}
	for _, l := range looks {
		b.looks(l.width, l.scheme)
		for name, address := range pages {
			if wanted(name, l) {
				b.do(chromedp.Navigate(address))
				see(fmt.Sprintf("%s-%d-%s", name, l.width, l.scheme))
			}
		}
	}
}

// brokenTypes finds documented event types that wrap.
const brokenTypes = `[...document.querySelectorAll(".type.documented")].filter((e) => new Set([...e.getClientRects()].map((box) => box.top)).size > 1).map((e) => e.textContent)`

// faintBars finds bars whose contrast with the background is below 3:1, and bars that differ
// only by colour.
const faintBars = `(() => {
	const style = getComputedStyle(document.documentElement);
	const light = (name) => {
		const hex = style.getPropertyValue(name).trim().slice(1);
		const [r, g, b] = [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
	const faint = ["--ok-fill", "--bad-fill", "--bad-stripe"].map((name) => [name, contrast(name, "--card")]).filter(([, c]) => !(c >= 3)).map(String);
	const plain = [...document.querySelectorAll(".bars .bad")].filter((e) => !getComputedStyle(e).fill.includes("#failed") || !document.getElementById("failed"));
	return faint.concat(plain.map((e) => e.outerHTML.slice(0, 120)));
})()`

// tooWide finds elements that exceed the window, except in parts that scroll on their own.
const tooWide = `[...document.querySelectorAll("body *")].filter((e) => {
	const box = e.getBoundingClientRect();
	return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5) && !e.closest(".scroll, .skip, .hidden, thead");
}).map((e) => e.outerHTML.slice(0, 120))`

// cramped finds problems of a wide table of endpoints: a hidden success column, or a last
// column that touches the edge.
const cramped = `[...document.querySelectorAll(".endpoints thead tr")].flatMap((row) => {
	const seen = [...row.children].filter((cell) => getComputedStyle(cell).display !== "none");
	return [
		seen.some((cell) => cell.textContent === "Success") ? "" : "no success",
		parseFloat(getComputedStyle(seen.at(-1)).paddingRight) >= 16 ? "" : seen.at(-1).textContent + " touches the edge",
	].filter(Boolean);
})`

// splitTimes finds times whose zone can wrap onto its own line.
const splitTimes = `[...document.querySelectorAll("time:not(.now)")].filter((e) => / UTC$/.test(e.textContent)).map((e) => e.outerHTML)`

func layoutHolds(t *testing.T, b *tab) {
	backs := map[string]string{}
	all := func(page string, l look) bool {
		return !strings.Contains(page, ", ") || l.scheme == "light" || l.width == 1440
	}
	eachLook(b, all, func(look string) {
		b.picture(look)
		if wide := eval[[]string](b, tooWide); len(wide) > 0 {
			t.Errorf("%s: wider than the window: %s", look, wide[0])
		}
		if eval[bool](b, "document.documentElement.scrollWidth > innerWidth") {
			t.Errorf("%s: scrolls sideways", look)
		}
		if broken := eval[[]string](b, brokenTypes); len(broken) > 0 && strings.Contains(look, "-1440-") {
			t.Errorf("%s: types wrap: %v", look, broken)
		}
		if cells := eval[bool](b, `[...document.querySelectorAll(".cards tr")].some((row) => getComputedStyle(row).display !== "table-row")`); cells && !strings.Contains(look, "-390-") {
			t.Errorf("%s: a table turned into cards", look)
		}
		if wrong := eval[[]string](b, cramped); len(wrong) > 0 && !strings.Contains(look, "-390-") {
			t.Errorf("%s: the endpoints: %v", look, wrong)
		}
		if split := eval[[]string](b, splitTimes); len(split) > 0 {
			t.Errorf("%s: the time zone can wrap onto its own line: %s", look, split[0])
		}
		for _, bar := range eval[[]string](b, faintBars) {
			t.Errorf("%s: a bar that looks like others: %s", look, bar)
		}
		backs[look[strings.LastIndex(look, "-")+1:]] = eval[string](b, "getComputedStyle(document.body).backgroundColor")
	})
	if backs["light"] == backs["dark"] {
		t.Errorf("dark looks like light: %v", backs)
	}
}

func accessible(t *testing.T, b *tab) {
	axe, err := os.ReadFile("../../tools/axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		needs.Missing(t, "axe-core: run npm ci --ignore-scripts --prefix tools/axe")
	}
	checked := 0
	some := func(page string, l look) bool {
		if strings.Contains(page, ", ") {
			return strings.HasSuffix(page, ", overview") && l == look{1440, "light"}
		}
		return l != look{768, "dark"}
	}
	eachLook(b, some, func(look string) {
		eval[bool](b, string(axe)+"; true")
		checked += eval[int](b, `axe.run().then((r) => { window.found = r.violations; return r.passes.length; })`)
		for _, v := range eval[[]string](b, `window.found.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 160) + " " + n.failureSummary))`) {
			t.Errorf("%s: %s", look, v)
		}
	})
	if checked < 500 {
		t.Errorf("only %d checks passed: axe did not run", checked)
	}
	// Check that axe can find something.
	eval[bool](b, `document.querySelector("main").innerHTML = "<img src='x.png'><p style='color:#ccc;background:#fff'>faint</p>"; true`)
	eval[bool](b, `document.querySelector("main p").style.cssText = "color:#ccc;background:#fff"; true`)
	found := eval[[]string](b, `axe.run().then((r) => r.violations.map((v) => v.id))`)
	for _, want := range []string{"image-alt", "color-contrast"} {
		if !slices.Contains(found, want) {
			t.Errorf("axe does not find %s: %v", want, found)
		}
	}
}

// The focus is visible, and moves through a page in reading order.
func keyboardOrder(t *testing.T, b *tab) {
	url := stillServer(t)
	for _, name := range []string{"overview", "endpoint", "event"} {
		b.looks(1400, "light")
		b.do(chromedp.Navigate(url + everyPage[name]))
		count := eval[int](b, `window.all = [...document.querySelectorAll("a[href], button, select, [tabindex='0']")]; all.length`)
		for i := range count {
			b.do(chromedp.KeyEvent(kb.Tab))
			at := eval[int](b, "all.indexOf(document.activeElement)")
			if at != i {
				t.Fatalf("%s: Tab number %d leads to %d: %s", name, i+1, at, eval[string](b, "document.activeElement.outerHTML"))
			}
			if !eval[bool](b, `getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
				t.Errorf("%s: no visible focus on %s", name, eval[string](b, "document.activeElement.outerHTML"))
			}
		}
		if eval[string](b, `all[0].textContent`) != "Skip to the content" {
			t.Errorf("%s: the first stop is not the link to the content", name)
		}
	}
	if *pictures != "" {
		t.Log("pictures in", filepath.Clean(*pictures))
	}
}

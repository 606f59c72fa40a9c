package web

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"omegastream_exporter/internal/simulator"
	"omegastream_exporter/internal/test/browser"
)

// To save screenshots: go test ./internal/web -run TestBrowser -pictures /tmp/pictures
var pictures = flag.String("pictures", "", "folder for screenshots of the pages")

// TestBrowser uses the pages in a real browser.
func TestBrowser(t *testing.T) {
	t.Parallel()
	ctx := browser.Open(t)
	for name, test := range map[string]func(*testing.T, *tab){
		"a failing endpoint moves up without a reload": failingMovesUp,
		"the failure that was made is there":           failureIsThere,
		"the filter works":                             filterWorks,
		"nothing hostile is executed":                  nothingHostile,
		"a paused page stays as it is":                 pausedStays,
		"a paused page ignores answers":                pausedIgnoresAnswers,
		"a page that cannot refresh says so":           staleIsSaid,
		"the layout holds":                             layoutHolds,
		"accessibility":                                accessible,
		"keyboard order":                               keyboardOrder,
	} {
		t.Run(name, func(t *testing.T) { // in sequence, as they share two cores
			own, closeTab := chromedp.NewContext(ctx)
			defer closeTab()
			limited, cancel := context.WithTimeout(own, 10*time.Minute)
			defer cancel()
			test(t, &tab{T: t, ctx: limited})
		})
	}
}

// tab is a page in the browser.
type tab struct {
	*testing.T
	ctx context.Context
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

func eval[V any](b *tab, expression string) V {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[V](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return v
}

// click clicks the element that a selector finds, in one step, because a refresh can replace
// the element at any moment.
func (b *tab) click(selector string) {
	b.Helper()
	eval[bool](b, "document.querySelector(`"+selector+"`).click(), true")
}

// until waits for an expression to be true. Between two pages there is nothing to evaluate.
func (b *tab) until(expression string) {
	b.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`document.body !== null && !!(`+expression+`)`))
		if ok && err == nil {
			return
		}
		if time.Now().After(deadline) || b.ctx.Err() != nil {
			b.Fatalf("still false after 2 minutes: %s, %v; the page says\n%s", expression, err, eval[string](b, "document.body.innerText"))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// opened opens a page, and waits until it shows a text, which can take a sync.
func (b *tab) opened(url, text string) {
	b.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		b.do(chromedp.Navigate(url))
		if strings.Contains(eval[string](b, "document.body.innerText"), text) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s never shows %q:\n%s", url, text, eval[string](b, "document.body.innerText"))
		}
	}
}

func (b *tab) looks(width int64, scheme string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(width, 900))
}

// picture saves a screenshot of the whole page, if -pictures is set.
func (b *tab) picture(name string) {
	b.Helper()
	if *pictures == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(*pictures, name+".png"), png, 0o644)
	}
	if err != nil {
		b.Error(err)
	}
}

const (
	firstRow = `document.querySelector("table.endpoints tbody tr")`
	delivers = "delivering"
)

func failingMovesUp(t *testing.T, b *tab) {
	l := newLively(t)
	good := simulator.Responded(http.StatusOK)
	l.endpoint("aaaaaaaaaaaaaaaaaaaaaaaa", "a.example.com", good, good)
	late := l.endpoint("bbbbbbbbbbbbbbbbbbbbbbbb", "b.example.com", good)
	b.opened(l.url, "b.example.com")
	b.until(firstRow + `.dataset.endpoint.startsWith("aaa") && document.querySelectorAll(".pill.good").length >= 2`)
	eval[bool](b, "window.sameDocument = true")
	l.Emit(late, "video.process_failed", simulator.Responded(http.StatusBadGateway))
	b.until(firstRow + `.dataset.endpoint === "` + late + `" && ` + firstRow + `.innerText.includes("failing")`)
	if !eval[bool](b, "window.sameDocument === true") {
		t.Error("the page was loaded again")
	}
}

func failureIsThere(t *testing.T, b *tab) {
	l := newLively(t)
	id := l.endpoint("aaaaaaaaaaaaaaaaaaaaaaaa", "hooks.example.com", simulator.Responded(http.StatusOK))
	b.opened(l.url+"/endpoints/"+id, delivers)
	calls := l.Calls()
	failure := l.Emit(id, "video.process_failed", simulator.NoResponse(simulator.CauseRefused))
	row := `document.querySelector('[data-event="` + failure + `"]')`
	b.until(row)
	text := eval[string](b, row+".innerText")
	for _, want := range []string{"video.process_failed", "no response: connection refused", `Post "hooks.example.com"`, "192.0.2.10:443", failure, "failed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the failure does not say %q: %s", want, text)
		}
	}
	b.click(`[data-event="` + failure + `"] a`)
	b.until(`location.pathname === "/events/` + failure + `" && document.body.innerText.includes("Responses")`)
	if text := eval[string](b, "document.documentElement.outerHTML"); strings.Contains(text, "s3cr3t") || !strings.Contains(text, "connection refused") {
		t.Errorf("the page of the event: %s", text)
	}
	if l.Calls().Requests[simulator.GetEvent] > calls.Requests[simulator.GetEvent]+1 {
		t.Error("viewing pages called the API")
	}
}

func filterWorks(t *testing.T, b *tab) {
	l := newLively(t)
	id := l.endpoint("aaaaaaaaaaaaaaaaaaaaaaaa", "hooks.example.com", simulator.Responded(500), simulator.Responded(404), simulator.Responded(500))
	for _, scripts := range []bool{true, false} {
		b.opened(l.url+"/endpoints/"+id, "404 Not Found")
		b.until(`document.querySelectorAll("[data-event]").length === 3`)
		if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts}); err != nil {
			t.Fatal(err)
		}
		b.do(chromedp.Navigate(l.url + "/endpoints/" + id))
		eval[bool](b, `document.querySelector("select[name=code]").value = "500", document.querySelector(".filter button").click(), true`)
		b.until(`location.search.includes("code=500")`)
		b.until(`document.querySelectorAll("[data-event]").length === 2`)
		codes := eval[[]string](b, `[...document.querySelectorAll("[data-event] .code")].map((code) => code.innerText)`)
		if len(codes) != 2 || !strings.HasPrefix(codes[0], "500") || !strings.HasPrefix(codes[1], "500") {
			t.Errorf("with scripts %v: %q", scripts, codes)
		}
		if !eval[bool](b, `document.querySelector("select[name=code]").value === "500"`) {
			t.Error("the filter does not show its value")
		}
	}
}

func nothingHostile(t *testing.T, b *tab) {
	l := newLively(t)
	id := l.endpoint("aaaaaaaaaaaaaaaaaaaaaaaa", "hooks.example.com")
	failure := l.Insert(id, simulator.Event{
		Type: hostile + breakout, Answers: []simulator.Answer{simulator.Responded(500).WithBody(breakout + hostile)},
	})
	var mu sync.Mutex
	var asked []string
	watch, end := context.WithCancel(b.ctx)
	defer end()
	requests := chromedp.Events(watch, network.RequestWillBeSent)
	go func() {
		for r, err := range requests {
			if err != nil {
				return
			}
			mu.Lock()
			asked = append(asked, r.Request.URL)
			mu.Unlock()
		}
	}()
	if _, err := chromedp.Call(b.ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/endpoints/" + id, "/events/" + failure} {
		shows := "onerror="
		if path == "/" {
			shows = "hooks.example.com"
		}
		b.opened(l.url+path, shows)
		b.do(chromedp.Sleep(1500 * time.Millisecond)) // long enough for a refresh
		if eval[bool](b, `"hacked" in window || document.querySelector("img") !== null`) {
			t.Errorf("%s: hostile content was executed", path)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	refreshed := 0
	for _, url := range asked {
		if !strings.HasPrefix(url, l.url+"/") && url != "about:blank" {
			t.Errorf("a request left the origin: %s", url)
		}
		if strings.Contains(url, "/events/") {
			refreshed++
		}
	}
	if refreshed < 2 {
		t.Errorf("the requests are missing: %v", asked)
	}
}

func pausedStays(t *testing.T, b *tab) {
	l := newLively(t)
	id := l.endpoint("aaaaaaaaaaaaaaaaaaaaaaaa", "hooks.example.com", simulator.Responded(http.StatusOK))
	b.opened(l.url+"/endpoints/"+id, delivers)
	b.click(".pause")
	l.Emit(id, "video.process_failed", simulator.Responded(500))
	before := eval[string](b, "document.body.innerText")
	b.do(chromedp.Sleep(2 * time.Second))
	if after := eval[string](b, "document.body.innerText"); after != before {
		t.Errorf("the page changed to\n%s", after)
	}
	b.click(".pause")
	b.until(`document.body.innerText.includes("500 Internal")`)
}

// An answer that is under way when the visitor pauses the page changes nothing.
func pausedIgnoresAnswers(t *testing.T, b *tab) {
	l := newLively(t)
	l.endpoint("aaaaaaaaaaaaaaaaaaaaaaaa", "hooks.example.com", simulator.Responded(http.StatusOK))
	for _, status := range []int{http.StatusNotModified, http.StatusServiceUnavailable} {
		b.opened(l.url, delivers)
		eval[bool](b, `window.fetch = () => new Promise((answer) => { window.answer = answer; }), true`)
		b.until(`window.answer`)
		b.click(".pause")
		const shown = `document.getElementById("refreshed").outerHTML`
		eval[bool](b, `document.querySelector("#refreshed time").textContent = "as before", true`)
		before := eval[string](b, shown)
		eval[bool](b, fmt.Sprintf(`answer(new Response(null, { status: %d })), new Promise((done) => setTimeout(done, 100)).then(() => true)`, status))
		if after := eval[string](b, shown); after != before {
			t.Errorf("%d changed\n%s to\n%s", status, before, after)
		}
	}
}

func staleIsSaid(_ *testing.T, b *tab) {
	l := newLively(b.T)
	l.endpoint("aaaaaaaaaaaaaaaaaaaaaaaa", "hooks.example.com", simulator.Responded(http.StatusOK))
	b.opened(l.url, delivers)
	l.down.Store(true)
	b.until(`document.getElementById("refreshed").classList.contains("stale")`)
	if !eval[bool](b, `document.body.innerText.includes("hooks.example.com")`) {
		b.Error("the content is gone")
	}
	l.down.Store(false)
	b.until(`!document.getElementById("refreshed").classList.contains("stale")`)
}

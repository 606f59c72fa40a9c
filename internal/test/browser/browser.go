// Package browser starts a headless Chromium for tests that use pages as a person does.
package browser

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"omegastream_exporter/internal/test/needs"
)

// Open starts a browser with an empty tab, and returns its context for chromedp. Both are
// closed when the test ends. It needs chromium.
func Open(t testing.TB) context.Context {
	t.Helper()
	path := needs.Tool(t, "chromium")
	ctx, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("headless", true),
		chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true))
	t.Cleanup(stop)
	ctx, closeBrowser := chromedp.NewContext(ctx)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	return ctx
}

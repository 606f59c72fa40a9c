package app

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/common/version"

	"omegastream_exporter/client"
	"omegastream_exporter/collector"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/ratelimit"
	"omegastream_exporter/internal/web"
)

// newPages returns the pages of a ledger.
func newPages(cfg config.Config, api *client.Client, book *ledger.Book, exporter *collector.Exporter, log *slog.Logger) http.Handler {
	return web.New(book, web.Options{
		Base:        cfg.Web.LinkPath(),
		Prefix:      cfg.Web.RoutePrefix,
		MetricsPath: cfg.Web.TelemetryPath,
		Window:      cfg.Collector.Window,
		ShowBody:    cfg.Web.ShowBody,
		Version:     version.Version,
		Status:      func() web.Status { return pageStatus(exporter.Status(), api.Limiter().Limits()) },
		Logger:      log,
	})
}

// pageStatus says in the words of the pages how the exporter gets on.
func pageStatus(s collector.Status, limits ratelimit.Limits) web.Status {
	status := web.Status{
		Syncing: s.Syncing, Ended: s.Ended, Took: s.Took, Result: s.Result,
		Requests: s.Requests, Failed: s.Failed, Limits: limits,
	}
	for _, t := range s.Troubles {
		status.Troubles = append(status.Troubles, web.Trouble{
			What: troubleWords(t.Operation), EndpointID: t.EndpointID, Error: t.Err.Error(), Since: t.Since,
		})
	}
	return status
}

func troubleWords(op client.Operation) string {
	switch op {
	case client.OpListEndpoints:
		return "Listing the account's endpoints"
	case client.OpListEvents:
		return "Reading the list of events"
	case client.OpGetEvent:
		return "Fetching the details of events"
	default:
		return "Writing the state"
	}
}

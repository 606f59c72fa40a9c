package app

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/common/version"

	"omegastream_exporter/client"
	"omegastream_exporter/collector"
	"omegastream_exporter/internal/config"
	"omegastream_exporter/internal/state"
	"omegastream_exporter/internal/syncer"
	"omegastream_exporter/internal/web"
)

// newPages returns the pages of a ledger.
func newPages(cfg config.Config, api *client.Client, st *state.State, syncs *syncer.Syncer, telemetry *collector.Telemetry, log *slog.Logger) http.Handler {
	return web.New(st, web.Options{
		Base:        cfg.Web.LinkPath(),
		APIURL:      strings.TrimRight(cfg.API.URL.String(), "/"),
		ExternalURL: cfg.Web.Address(),
		Prefix:      cfg.Web.RoutePrefix,
		MetricsPath: cfg.Web.TelemetryPath,
		Window:      cfg.Collector.Window,
		ShowBody:    cfg.Web.ShowBody,
		Version:     version.Version,
		Unknown:     syncs.Hint,
		Status: func() web.Status {
			requests, failed := telemetry.Requests()
			return web.Status{Status: syncs.Status(), Requests: requests, Failed: failed, Limits: api.Limiter().Limits()}
		},
		Logger: log,
	})
}

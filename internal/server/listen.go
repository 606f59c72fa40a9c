package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"omegastream_exporter/internal/config"
)

// listen opens the ports. It returns none if exporter-toolkit has to open them.
func listen(c config.Web) ([]net.Listener, error) {
	if c.ToolkitListens() {
		return nil, nil
	}
	var listeners []net.Listener
	for _, address := range *c.Toolkit.WebListenAddresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			closeAll(listeners)
			return nil, listenError(err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func listenError(err error) error {
	mend := "choose another address"
	if errors.Is(err, syscall.EADDRINUSE) {
		mend = "stop what listens there or choose another port"
	}
	return fmt.Errorf("--web.listen-address: %w; %s", err, mend)
}

// closeAll closes listeners, which can already be closed.
func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

// toolkitError names the flag of the listeners that exporter-toolkit opens.
func toolkitError(c config.Web, err error) error {
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if *c.Toolkit.WebSystemdSocket {
		return fmt.Errorf("--web.systemd-socket: %w; it needs a systemd socket unit", err)
	}
	return listenError(err)
}

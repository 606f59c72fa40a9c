package simulator

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve serves an account on a free port of 127.0.0.1, and returns the base URL for clients,
// which ends with BasePath. stop closes all connections, and returns when every request has
// ended.
func Serve(a http.Handler) (baseURL string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var working sync.RWMutex // each request holds a read lock
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			working.RLock()
			defer working.RUnlock()
			a.ServeHTTP(w, r)
		}),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	stop = sync.OnceFunc(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			panic(err) // nothing else uses the listener
		}
		working.Lock()
		defer working.Unlock()
	})
	return "http://" + listener.Addr().String() + BasePath, stop, nil
}

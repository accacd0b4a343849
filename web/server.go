package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/prometheus/util/netconnlimit"
)

const (
	// All three are guards, chosen and not tuned.

	// readHeaderTimeout is how long a client may take to send the header of a request.
	readHeaderTimeout = 10 * time.Second
	// writeTimeout is how long a request and its response may take. It must be longer than a profile, which takes 30s
	// by default.
	writeTimeout = 5 * time.Minute
	// shutdownTimeout is how long responses may take once the server stops. The program stops within 5s.
	shutdownTimeout = 3 * time.Second
)

// Server serves a handler with exporter-toolkit: on one or more addresses or a systemd socket, with TLS and
// authentication configured by a file.
type Server struct {
	server    *http.Server
	limit     int // of connections; 0: none
	listen    *toolkit.FlagConfig
	logger    *slog.Logger
	addresses chan net.Addr
}

// NewServer returns a Server for h that has at most so many connections at the same time; 0 means no limit. Further
// ones wait. It does not listen before Run.
func NewServer(h http.Handler, listen *toolkit.FlagConfig, maxConnections int, logger *slog.Logger) *Server {
	s := &Server{
		limit: maxConnections, listen: listen, logger: logger,
		addresses: make(chan net.Addr, len(*listen.WebListenAddresses)+1),
	}
	s.server = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       writeTimeout,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		BaseContext: func(l net.Listener) context.Context {
			select {
			case s.addresses <- l.Addr():
			default: // there may be more sockets of systemd than the channel holds; their addresses are not needed
			}
			return context.Background()
		},
	}
	return s
}

// Addr waits until the server listens and returns its address. If there are several, each call returns another one.
// It fails when ctx ends.
func (s *Server) Addr(ctx context.Context) (net.Addr, error) {
	select {
	case addr := <-s.addresses:
		return addr, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Run serves until ctx ends, then waits a few seconds for open requests to finish. It returns an error if it cannot
// listen or serve.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := s.server.Shutdown(limited)
	if err != nil {
		s.logger.Warn("Closed connections with open requests", "after", shutdownTimeout, "err", err)
		err = s.server.Close()
	}
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// serve listens and serves. The sockets of systemd and of vsock are left to exporter-toolkit: they are few, and their
// connections are not limited.
func (s *Server) serve() error {
	special := func(address string) bool { return strings.HasPrefix(address, "vsock://") }
	systemd := s.listen.WebSystemdSocket != nil && *s.listen.WebSystemdSocket
	if s.limit <= 0 || systemd || slices.ContainsFunc(*s.listen.WebListenAddresses, special) {
		return toolkit.ListenAndServe(s.server, s.listen, s.logger)
	}
	slots := make(chan struct{}, s.limit)
	var listeners []net.Listener
	for _, address := range *s.listen.WebListenAddresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		defer l.Close()
		listeners = append(listeners, netconnlimit.SharedLimitListener(l, slots))
	}
	return toolkit.ServeMultiple(listeners, s.server, s.listen, s.logger)
}

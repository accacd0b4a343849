package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

const (
	// readHeaderTimeout is how long a client may take over its request's header.
	readHeaderTimeout = 10 * time.Second
	// writeTimeout is how long a request and its response may take: more than any profile, less than for ever.
	writeTimeout = 5 * time.Minute
	// shutdownTimeout is how long responses under way may take once the server stops.
	shutdownTimeout = 5 * time.Second
)

// Server listens as exporter-toolkit does: on one or more addresses or a systemd socket, with TLS and authentication from a file.
type Server struct {
	server    *http.Server
	listen    *toolkit.FlagConfig
	logger    *slog.Logger
	addresses chan net.Addr
}

// NewServer returns a Server of h. Nothing listens until Run.
func NewServer(h http.Handler, listen *toolkit.FlagConfig, logger *slog.Logger) *Server {
	s := &Server{listen: listen, logger: logger, addresses: make(chan net.Addr, len(*listen.WebListenAddresses)+1)}
	s.server = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       writeTimeout,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		BaseContext: func(l net.Listener) context.Context {
			select {
			case s.addresses <- l.Addr():
			default: // several sockets of systemd, whose addresses nobody asks for
			}
			return context.Background()
		},
	}
	return s
}

// Addr waits until the server listens and returns an address; of several, another at each call. It fails when ctx ends.
func (s *Server) Addr(ctx context.Context) (net.Addr, error) {
	select {
	case addr := <-s.addresses:
		return addr, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Run serves until ctx ends, then lets responses under way finish, for a few seconds at most. It returns an error if it cannot listen or serve.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- toolkit.ListenAndServe(s.server, s.listen, s.logger) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := s.server.Shutdown(limited)
	if err != nil {
		s.logger.Warn("connections closed", "after", shutdownTimeout, "err", err)
		err = s.server.Close()
	}
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

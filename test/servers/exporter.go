package servers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

// ExporterOptions are the options of StartExporter. It runs the binary that `make build` builds, or the one that the
// variable EXPORTER names, such as one with the race detector.
type ExporterOptions struct {
	Dir    string    // directory of the configuration file; by default a temporary one, which Stop removes
	Config string    // YAML text of the configuration, written to a file
	Flags  []string  // additional command line flags
	Addr   string    // listen address, by default 127.0.0.1:0
	Log    io.Writer // receives the log; errors show the end of the log in any case
	Binary string    // by default that of EXPORTER, else .build/anomaly-exporter
	// Client asks a server with TLS, to which a --web.config.file in Flags has to belong; nil: it is plain HTTP.
	Client *http.Client
}

// Exporter is a running anomaly-exporter.
type Exporter struct {
	*server
}

// StartExporter starts an anomaly-exporter and returns when it serves; see Ready for its first results. The context
// only bounds the start.
func StartExporter(ctx context.Context, o ExporterOptions) (*Exporter, error) {
	binary := cmp.Or(o.Binary, os.Getenv("EXPORTER"))
	if binary == "" {
		root, err := Root()
		if err != nil {
			return nil, err
		}
		binary = filepath.Join(root, ".build", "anomaly-exporter")
		if _, err := os.Stat(binary); err != nil {
			return nil, fmt.Errorf("anomaly-exporter: %w: run \"make build\"", err)
		}
	}
	s, err := newServer("anomaly-exporter", binary, o.Dir, o.Addr, o.Config, o.Log)
	if err != nil {
		return nil, err
	}
	s.up = "/-/healthy"
	s.secure(o.Client)
	s.args = append([]string{"--config.file=" + s.configFile(), "--web.enable-lifecycle"}, o.Flags...)
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.removeDir())
	}
	return &Exporter{server: s}, nil
}

// Ready returns nil if every detector has published its first results, else the reason.
func (e *Exporter) Ready(ctx context.Context) error { return e.get(ctx, e.URL()+"/-/ready") }

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ExporterOptions say how the anomaly-exporter itself is started, as the binary that `make build` leaves.
type ExporterOptions struct {
	Dir    string    // working directory of the configuration file; "" is a temporary one, removed by Stop
	Config string    // YAML text of the configuration, written to a file
	Flags  []string  // more command line flags
	Addr   string    // listen address, by default 127.0.0.1:0
	Log    io.Writer // takes the log; its end is kept and shown in errors in any case
	Binary string    // by default .build/anomaly-exporter
}

// Exporter is a running anomaly-exporter.
type Exporter struct {
	*server
}

// StartExporter starts an anomaly-exporter and returns when it is up; see Ready for its first results.
// The context bounds the start only.
func StartExporter(ctx context.Context, o ExporterOptions) (*Exporter, error) {
	binary := o.Binary
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
	s.args = append([]string{"--config.file=" + s.configFile(), "--web.enable-lifecycle"}, o.Flags...)
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.removeDir())
	}
	return &Exporter{server: s}, nil
}

// Ready returns nil when every detector has published its first results, else why not.
func (e *Exporter) Ready(ctx context.Context) error { return e.get(ctx, e.URL()+"/-/ready") }

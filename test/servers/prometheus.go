package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// PrometheusOptions are the options of StartPrometheus. The zero value is a server on a free port, without targets.
type PrometheusOptions struct {
	Dir    string    // data directory; by default a temporary one, which Stop removes
	Config string    // YAML text of the configuration, written to a file
	Flags  []string  // additional command line flags; they override the defaults of this package
	Addr   string    // listen address, by default 127.0.0.1:0
	Log    io.Writer // receives the log; errors show the end of the log in any case
	Binary string    // by default Tool("prometheus")
	// Client asks a server with TLS, to which a --web.config.file in Flags has to belong; nil: it is plain HTTP.
	Client *http.Client
}

// Prometheus is a running Prometheus server.
type Prometheus struct {
	*server
}

// prometheusFlags are the defaults of PrometheusOptions.Flags. Blocks of any age are kept, and never compacted:
// compaction would add to what tests measure.
var prometheusFlags = []string{
	"--web.enable-lifecycle",
	"--storage.tsdb.retention.time=100y",
	"--storage.tsdb.min-block-duration=2h",
	"--storage.tsdb.max-block-duration=2h",
}

// StartPrometheus starts a Prometheus and returns when it is ready. The context only bounds the start.
func StartPrometheus(ctx context.Context, o PrometheusOptions) (*Prometheus, error) {
	config := o.Config
	if config == "" {
		config = "global: {}\n"
	}
	s, err := newServer("prometheus", o.Binary, o.Dir, o.Addr, config, o.Log)
	if err != nil {
		return nil, err
	}
	s.secure(o.Client)
	s.args = append([]string{"--config.file=" + s.configFile(), "--storage.tsdb.path=" + s.dir}, o.Flags...)
	for _, f := range prometheusFlags {
		name, _, _ := strings.Cut(f, "=")
		given := func(arg string) bool { return arg == name || strings.HasPrefix(arg, name+"=") }
		if !slices.ContainsFunc(o.Flags, given) {
			s.args = append(s.args, f)
		}
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.removeDir())
	}
	return &Prometheus{server: s}, nil
}

// Query evaluates an expression at a time with the HTTP API. A scalar is returned as a vector of one sample without
// labels.
func (p *Prometheus) Query(ctx context.Context, expr string, at time.Time) (model.Vector, error) {
	client, err := api.NewClient(api.Config{Address: p.URL(), Client: p.client})
	if err != nil {
		return nil, err
	}
	value, _, _, err := v1.NewAPI(client).Query(ctx, expr, at)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", expr, err)
	}
	switch v := value.(type) {
	case model.Vector:
		return v, nil
	case *model.Scalar:
		return model.Vector{{Metric: model.Metric{}, Value: v.Value, Timestamp: v.Timestamp}}, nil
	default:
		return nil, fmt.Errorf("query %s: the result is a %s", expr, value.Type())
	}
}

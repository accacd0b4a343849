// Command llm-correlation receives the webhooks of Alertmanager, asks a language model for a diagnosis of the incident
// context that anomaly-exporter has of them, and posts it to a chat, once per incident. It is an example to start from.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/common/promslog/flag"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
	"golang.org/x/time/rate"
)

const (
	// shutdownTimeout is how long an incident that is being diagnosed may take once the process has to end. Chosen: less
	// than the 30 seconds that Kubernetes waits.
	shutdownTimeout = 20 * time.Second
	// defaultDeny are the labels whose values stay here unless told otherwise: what names people, customers and secrets.
	defaultDeny = `(?i).*(user|email|customer|tenant|account|session|token|secret|password).*`
)

// options are the flags, and the secrets of the environment.
type options struct {
	listen       *toolkit.FlagConfig
	exporter     *url.URL
	publicURL    string
	httpConfig   string
	matchLabels  []string
	model        string
	baseURL      string
	maxTokens    int64
	timeout      time.Duration
	perHour      int
	maxBytes     int
	redactLabels string
	redactValues string
	stateFile    string
	maxAge       time.Duration

	apiKey, webhookURL string

	listening chan<- net.Addr // for tests; may be nil
}

func main() { os.Exit(execute(os.Args[1:], os.Stderr)) }

func execute(args []string, stderr io.Writer) int {
	app := kingpin.New("llm-correlation", "Posts a diagnosis of each incident that Alertmanager tells of. The "+
		"environment has the secrets: ANTHROPIC_API_KEY, and WEBHOOK_URL, an incoming webhook of Slack.")
	app.HelpFlag.Short('h')
	logging := promslog.Config{Writer: stderr}
	flag.AddFlags(app, &logging)
	o := options{apiKey: os.Getenv("ANTHROPIC_API_KEY"), webhookURL: os.Getenv("WEBHOOK_URL")}
	o.addFlags(app)
	if _, err := app.Parse(args); err != nil {
		fmt.Fprintf(stderr, "llm-correlation: error: %v, try --help\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	log := promslog.New(&logging)
	if err := run(ctx, o, log); err != nil {
		log.Error("Cannot run", "err", err)
		return 1
	}
	return 0
}

func (o *options) addFlags(app *kingpin.Application) {
	o.listen = kingpinflag.AddFlags(app, ":9944")
	app.Flag("exporter.url", "URL of anomaly-exporter.").Default("http://localhost:9942").URLVar(&o.exporter)
	app.Flag("exporter.public-url", "URL of anomaly-exporter for people, for a link in each message.").
		PlaceHolder("<URL>").StringVar(&o.publicURL)
	app.Flag("http.config.file", "HTTP client configuration for anomaly-exporter, in the format of promtool.").
		PlaceHolder("<filename>").ExistingFileVar(&o.httpConfig)
	app.Flag("context.match-label", "Label of a group of alerts by which the context is narrowed. May be repeated.").
		Default("cluster", "namespace").StringsVar(&o.matchLabels)
	app.Flag("model.name", "Language model.").Default("claude-opus-5-5").StringVar(&o.model)
	app.Flag("model.base-url", "URL of the model's API, if it is a gateway of yours.").
		PlaceHolder("<URL>").StringVar(&o.baseURL)
	app.Flag("model.max-tokens", "The most that the model may write, in tokens.").Default("8192").Int64Var(&o.maxTokens)
	app.Flag("model.timeout", "How long the model may take, retries included.").Default("2m").DurationVar(&o.timeout)
	app.Flag("model.max-per-hour", "The most diagnoses in an hour. They cost money.").Default("30").IntVar(&o.perHour)
	app.Flag("model.max-bytes", "The most that the model gets to read, in bytes.").Default("60000").IntVar(&o.maxBytes)
	app.Flag("redact.labels", "Regular expression of the names of labels and annotations whose values never leave the "+
		"process.").Default(defaultDeny).StringVar(&o.redactLabels)
	app.Flag("redact.values", "Regular expression of what never leaves the process, in any text.").
		PlaceHolder("<regex>").StringVar(&o.redactValues)
	app.Flag("state.file", "File that remembers over a restart which incidents have been posted.").
		PlaceHolder("<filename>").StringVar(&o.stateFile)
	app.Flag("incident.max-age", "An incident is over if Alertmanager has told nothing of it for this long. Longer than "+
		"repeat_interval.").Default("25h").DurationVar(&o.maxAge)
}

// newReceiver connects the parts. It connects to nothing yet.
func newReceiver(stop context.Context, o options, reg prometheus.Registerer, log *slog.Logger) (*receiver, error) {
	if o.apiKey == "" || o.webhookURL == "" {
		return nil, errors.New("ANTHROPIC_API_KEY or WEBHOOK_URL is not set in the environment")
	}
	if u, err := url.Parse(o.webhookURL); err != nil || u.Host == "" {
		return nil, errors.New("WEBHOOK_URL is not a URL")
	}
	if o.perHour < 1 || o.maxBytes < 1 || o.maxTokens < 1 || o.timeout <= 0 || o.maxAge <= 0 {
		return nil, errors.New("each of --model.max-per-hour, --model.max-bytes, --model.max-tokens, --model.timeout and " +
			"--incident.max-age must be positive")
	}
	redact, err := newRedactor(o.redactLabels, o.redactValues)
	if err != nil {
		return nil, err
	}
	c := commoncfg.DefaultHTTPClientConfig
	if o.httpConfig != "" {
		loaded, _, err := commoncfg.LoadHTTPConfigFile(o.httpConfig)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.httpConfig, err)
		}
		c = *loaded
	}
	client, err := commoncfg.NewClientFromConfig(c, "exporter")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.httpConfig, err)
	}
	context.AfterFunc(stop, client.CloseIdleConnections)
	open, err := loadIncidents(o.stateFile, o.maxAge, time.Now)
	if err != nil {
		return nil, fmt.Errorf("--state.file: %w", err)
	}
	// A transport of its own, with the proxy of the environment.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	context.AfterFunc(stop, transport.CloseIdleConnections)
	m := newMetrics(reg)
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "llm_correlation_incidents", Help: "Incidents that last.",
	}, func() float64 { return float64(open.count()) }))
	return &receiver{
		stop: stop, incidents: open, redactor: redact,
		exporter: &exporter{o.exporter, client, o.matchLabels},
		model:    newModel(o, transport, m),
		webhook: &webhook{o.webhookURL, &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // it is a secret
		}},
		budget:   rate.NewLimiter(rate.Every(time.Hour/time.Duration(o.perHour)), o.perHour),
		maxBytes: o.maxBytes, page: o.publicURL, metrics: m, log: log,
	}, nil
}

// run serves until ctx ends, and then lets the incident in hand come to its end.
func run(ctx context.Context, o options, log *slog.Logger) error {
	stop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r, err := newReceiver(stop, o, reg, log)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler(r, reg),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		// All that one notification can take, and some more.
		WriteTimeout: contextTimeout + o.timeout + postTimeout + 30*time.Second,
		BaseContext: func(l net.Listener) context.Context {
			if o.listening != nil {
				o.listening <- l.Addr()
			}
			return stop
		},
	}
	served := make(chan error, 1)
	go func() { served <- toolkit.ListenAndServe(server, o.listen, log) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	log.Info("Stopping")
	limited, release := context.WithTimeout(stop, shutdownTimeout)
	defer release()
	err = server.Shutdown(limited)
	cancel() // what is still in hand fails, and Alertmanager sends it again
	if err != nil {
		err = server.Close()
	}
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func handler(r *receiver, reg *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /alerts", r)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	for _, path := range []string{"GET /-/healthy", "GET /-/ready"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK\n") })
	}
	return mux
}

package remoteread

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/frame"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/redact"
)

// Options for a Client. Only URL is required.
type Options struct {
	// URL is the read endpoint, such as http://localhost:9090/api/v1/read.
	URL string
	// HTTPClient has the credentials, TLS and proxy, and no timeout of its own. The default is &http.Client{}.
	HTTPClient *http.Client
	// ExternalLabels are those that the server adds to the series that lack them. They are removed from these series,
	// unless the selector names them. Series that carry such a label themselves are returned as they are stored.
	ExternalLabels labels.Labels
	// Secrets returns texts that no error may show. What a request was sent with, and queries in URLs, are never shown.
	Secrets func() []string
	// Timeout is the longest time from a request to the end of its answer. It includes what the reader of the series
	// does meanwhile. The default is 1m, Prometheus' default of remote_timeout.
	Timeout time.Duration
	// MaxConcurrency is the number of reads in flight; further ones wait. The default is 4.
	MaxConcurrency int
	// MaxRetries counts the attempts after the first one. The default is 3, negative means none.
	MaxRetries int
	// MinBackoff is the wait before the first retry; it doubles with each retry. The default is 250ms.
	MinBackoff time.Duration
	// MaxBackoff is the longest wait, even if Retry-After asks for more. The default is 30s.
	MaxBackoff time.Duration
	// MaxFrameBytes is the largest size of a frame, and of a sampled answer before and after decompression. The
	// default is 50 MB, Prometheus' default of chunked_read_limit.
	MaxFrameBytes int
	// Limits are those of one answer: how much memory its series may take, approximately, and how many samples and labels
	// they may have. The defaults of Bytes and Samples are 1 GiB and 250 million; labels are not limited by default. A
	// series over a limit of labels fails the read, as it fails a scrape of Prometheus: sums without it would be wrong.
	Limits limit.Limits
	// Metrics are not registered by default.
	Metrics *Metrics
	// Logger logs nothing by default.
	Logger log.Logger
}

// validate returns the URL.
func (o Options) validate() (*url.URL, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("URL cannot be parsed") // the error of net/url contains the URL with its credentials
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("URL %q does not begin with http:// or https:// and a host", redact.URL(u))
	}
	if o.Timeout < 0 || o.MaxConcurrency < 0 || o.MinBackoff < 0 || o.MaxBackoff < 0 || o.MaxFrameBytes < 0 ||
		o.Limits.Bytes < 0 || o.Limits.Samples < 0 || o.Limits.Labels < 0 || o.Limits.LabelNameLength < 0 ||
		o.Limits.LabelValueLength < 0 {
		return nil, errors.New("negative limit")
	}
	return u, nil
}

func (o *Options) setDefaults() {
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{}
	}
	if o.Secrets == nil {
		o.Secrets = func() []string { return nil }
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	// Timeout and MaxFrameBytes are the defaults of Prometheus; the others were chosen, not tuned.
	setDefault(&o.Timeout, time.Minute)
	setDefault(&o.MaxConcurrency, 4)
	setDefault(&o.MaxRetries, 3)
	setDefault(&o.MinBackoff, 250*time.Millisecond)
	setDefault(&o.MaxBackoff, 30*time.Second)
	setDefault(&o.MaxFrameBytes, 50e6)
	setDefault(&o.Limits.Bytes, 1<<30)
	setDefault(&o.Limits.Samples, 250e6)
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Client reads from one URL. It is safe for concurrent use.
type Client struct {
	options Options
	url     string // without credentials
	metrics urlMetrics

	slots    chan struct{} // holds one element for each read in flight
	frames   sync.Pool     // of *frame.Reader
	answered atomic.Int32  // the answerType of the last answer
	target   atomic.Int64  // how many samples a part of a sampled answer should have
	retired  atomic.Bool   // keeps no idle connections

	wantsLength atomic.Bool // a request without a length was refused (411)
}

var _ storage.Queryable = (*Client)(nil)

// New returns a client. It does not connect.
func New(o Options) (*Client, error) {
	u, err := o.validate()
	if err != nil {
		return nil, fmt.Errorf("remote read: %w", err)
	}
	o.setDefaults()
	httpClient := *o.HTTPClient
	if httpClient.CheckRedirect == nil { // else redirects are not followed
		httpClient.CheckRedirect = checkRedirect
	}
	o.HTTPClient = &httpClient
	c := &Client{
		options: o,
		url:     redact.URL(u),
		metrics: o.Metrics.forURL(redact.URL(u)),
		slots:   make(chan struct{}, o.MaxConcurrency),
		frames:  sync.Pool{New: func() any { return frame.NewReader() }},
	}
	c.target.Store(targetSamples)
	return c, nil
}

// Querier returns a querier for samples from mint to maxt, both included, in milliseconds since the epoch. Closing it
// gives up answers that have not been read completely. Series that were already returned remain valid.
func (c *Client) Querier(mint, maxt int64) (storage.Querier, error) {
	return &querier{client: c, mint: mint, maxt: maxt}, nil
}

// Retire closes idle connections, now and after each later read. It is for a client that another one replaces while
// reads of it are still in progress.
func (c *Client) Retire() {
	c.retired.Store(true)
	c.options.HTTPClient.CloseIdleConnections()
}

// fail returns err as an *Error with the URL and without secrets, and counts it unless it has been counted before.
func (c *Client) fail(err error) *Error {
	e := asError(err)
	if e.URL == "" {
		e.URL, e.Err = c.url, c.secrets(nil).Error(e.Err)
		c.metrics.errors[e.Reason].Inc()
	}
	return e
}

// secrets returns what may not be shown of a request, nil if it is not known, and of its answer.
func (c *Client) secrets(sent *http.Request) redact.Secrets {
	return append(redact.Sent(sent), c.options.Secrets()...)
}

// acquire waits for a slot for a read. The returned function releases it and may be called any number of times.
func (c *Client) acquire(ctx context.Context) (func(), error) {
	select {
	case c.slots <- struct{}{}:
		c.metrics.inFlight.Inc()
		return sync.OnceFunc(func() {
			c.metrics.inFlight.Dec()
			<-c.slots
		}), nil
	case <-ctx.Done():
		e := transportError(ctx, nil)
		e.Err = fmt.Errorf("waiting for one of %d reads in flight to finish: %w", cap(c.slots), e.Err)
		return nil, e
	}
}

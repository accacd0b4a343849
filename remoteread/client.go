package remoteread

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Options for a Client. Only URL is required.
type Options struct {
	URL            string        // of the read endpoint, such as http://localhost:9090/api/v1/read
	HTTPClient     *http.Client  // with credentials, TLS and proxy, without a timeout; by default a plain one
	ExternalLabels labels.Labels // labels that the server adds to its answers: matched, unless a selector names them, and stripped
	Timeout        time.Duration // of one request to the end of its answer, with what its reader does meanwhile; 1m by default
	MaxConcurrency int           // reads in flight, 4 by default; further ones wait
	MaxRetries     int           // after the first try, 3 by default; negative for none
	MinBackoff     time.Duration // before the first retry, then doubled; 250ms by default
	MaxBackoff     time.Duration // the longest wait, whatever Retry-After asks for; 30s by default
	MaxFrameBytes  int           // of a frame, or of a sampled answer before and after decompression; 50 MB by default, as upstream
	Metrics        *Metrics      // by default not registered anywhere
	Logger         log.Logger    // by default none
}

func (o Options) validate() error {
	u, err := url.Parse(o.URL)
	if err != nil {
		return errors.New("URL cannot be parsed") // the error of net/url repeats it, credentials and all
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("URL %q is not http://... or https://...", redact(u))
	}
	if o.Timeout < 0 || o.MaxConcurrency < 0 || o.MinBackoff < 0 || o.MaxBackoff < 0 || o.MaxFrameBytes < 0 {
		return errors.New("negative limit")
	}
	return nil
}

func (o *Options) setDefaults() {
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{}
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	setDefault(&o.Timeout, time.Minute)
	setDefault(&o.MaxConcurrency, 4)
	setDefault(&o.MaxRetries, 3)
	setDefault(&o.MinBackoff, 250*time.Millisecond)
	setDefault(&o.MaxBackoff, 30*time.Second)
	setDefault(&o.MaxFrameBytes, 50e6)
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// redact returns the URL without user name, password and query.
func redact(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Client reads from one URL. It is safe for concurrent use.
type Client struct {
	options Options
	url     string // without credentials
	metrics urlMetrics

	slots    chan struct{} // one element per read in flight
	frames   sync.Pool     // of *frameReader
	answered atomic.Int32  // how the server answered last: an answerType
}

var _ storage.Queryable = (*Client)(nil)

// New returns a client. It does not connect.
func New(o Options) (*Client, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("remote read: %w", err)
	}
	o.setDefaults()
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("remote read: %w", err)
	}
	return &Client{
		options: o,
		url:     redact(u),
		metrics: o.Metrics.forURL(redact(u)),
		slots:   make(chan struct{}, o.MaxConcurrency),
		frames:  sync.Pool{New: func() any { return newFrameReader() }},
	}, nil
}

// Querier returns a querier for samples from mint to maxt, both included, in milliseconds since the epoch.
// Its Close gives up the streams that are still open; the series already handed out remain valid.
func (c *Client) Querier(mint, maxt int64) (storage.Querier, error) {
	return &querier{client: c, mint: mint, maxt: maxt}, nil
}

// fail makes an *Error of any error, and counts it the first time.
func (c *Client) fail(err error) *Error {
	e := asError(err)
	if e.URL == "" {
		e.URL = c.url
		c.metrics.errors[e.Reason].Inc()
	}
	return e
}

// acquire waits for a place among the reads in flight. The function returned gives it back, any number of times.
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
		e.Err = fmt.Errorf("waiting for one of %d reads in flight: %w", cap(c.slots), e.Err)
		return nil, e
	}
}

// withExternalLabels returns the matchers with one for each external label that they do not name, and the names of those.
func (c *Client) withExternalLabels(matchers []*labels.Matcher) ([]*labels.Matcher, []string) {
	var (
		all   = slices.Clone(matchers)
		strip []string
	)
	c.options.ExternalLabels.Range(func(l labels.Label) {
		if slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return m.Name == l.Name }) {
			return
		}
		all = append(all, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
		strip = append(strip, l.Name)
	})
	return all, strip
}

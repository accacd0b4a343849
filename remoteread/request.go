package remoteread

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"

	"github.com/prometheus/prometheus/prompb"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/frame"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/query"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/redact"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/refusal"
)

// answerType is the kind of answers that a server gives.
type answerType = int32

const (
	answersUnknown answerType = iota // there was no answer yet
	answersStreamed
	answersSampled
)

// read sends a query and reads its answer up to the first series. It tries again if that may help.
func (c *Client) read(ctx context.Context, q *query.Query) (*stream, error) {
	backoff := c.options.MinBackoff
	for try := 1; ; try++ {
		s, err := c.attempt(ctx, q)
		if err == nil {
			return s, nil
		}
		e := c.fail(err)
		if try > c.options.MaxRetries || !e.Temporary() || e.Reason == reasonTimeout {
			return nil, e
		}
		wait := min(max(backoff, e.retryAfter), c.options.MaxBackoff)
		at := level.Debug
		if try == 1 && e.Status != 0 { // it answers: nobody else may say what it wants
			at = level.Warn
		}
		at(c.options.Logger).Log("msg", "Retrying remote read", "url", c.url, "attempt", try, "wait", wait, "err", e.cause())
		select {
		case <-ctx.Done():
			stopped := transportError(ctx, nil)
			stopped.Err = fmt.Errorf("%w; last attempt: %w", stopped.Err, e.Err)
			stopped.Remedy = e.Remedy
			return nil, c.fail(stopped)
		case <-time.After(wait):
		}
		backoff *= 2
	}
}

// attempt sends a query once. It reads a streamed answer up to the first series, a sampled one completely.
func (c *Client) attempt(ctx context.Context, q *query.Query) (*stream, error) {
	release, err := c.acquire(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.options.Timeout,
		fmt.Errorf("no complete answer within %s: %w", c.options.Timeout, context.DeadlineExceeded))
	// A stream that is neither read nor closed releases its slot when its time is over.
	stop := context.AfterFunc(ctx, release)
	start := time.Now()
	end := sync.OnceFunc(func() {
		stop()
		cancel()
		release()
		c.metrics.duration.Observe(time.Since(start).Seconds())
	})

	panics := true
	defer func() {
		if panics { // the PromQL engine recovers it
			end()
		}
	}()
	s, err := c.answer(ctx, q, end)
	panics = false
	return s, err
}

// answer sends a query and reads the beginning of its answer. Without an answer, it calls end.
func (c *Client) answer(ctx context.Context, q *query.Query, end func()) (*stream, error) {
	resp, err := c.send(ctx, q)
	if err != nil {
		end()
		return nil, err
	}
	s := &stream{
		client: c, query: q, used: limit.Usage{Limits: &c.options.Limits},
		end: func() {
			resp.Body.Close()
			end()
			if c.retired.Load() {
				c.options.HTTPClient.CloseIdleConnections()
			}
		},
	}
	if err := s.begin(ctx, resp); err != nil {
		s.close(nil)
		return nil, err
	}
	return s, nil
}

// send posts a query and returns the response. A status other than 2xx is an error.
func (c *Client) send(ctx context.Context, q *query.Query) (*http.Response, error) {
	message, err := (&prompb.ReadRequest{
		Queries: q.Messages(),
		AcceptedResponseTypes: []prompb.ReadRequest_ResponseType{
			prompb.ReadRequest_STREAMED_XOR_CHUNKS, prompb.ReadRequest_SAMPLES,
		},
	}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode the query: %w", err)
	}
	body := bytes.NewReader(snappy.Encode(nil, message))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.options.URL, body)
	if err != nil {
		return nil, transportError(ctx, err)
	}
	// Chunked: with a length, Go's ReverseProxy cuts some of the answers that begin while it still looks for the end of
	// the body. That of a chunked one is known before a server can answer.
	chunked := !c.wantsLength.Load()
	if chunked {
		req.ContentLength = -1
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Accept-Encoding", "snappy")
	req.Header.Set("X-Prometheus-Remote-Read-Version", "0.1.0")
	req.Header.Set("User-Agent", version.ComponentUserAgent("anomaly-exporter"))

	resp, err := c.options.HTTPClient.Do(req)
	if err != nil {
		c.metrics.requests.With(prometheus.Labels{"code": "error"}).Inc()
		return nil, transportError(ctx, err)
	}
	c.metrics.requests.With(prometheus.Labels{"code": strconv.Itoa(resp.StatusCode)}).Inc()
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	if chunked && resp.StatusCode == http.StatusLengthRequired {
		if c.wantsLength.CompareAndSwap(false, true) {
			level.Info(c.options.Logger).Log("msg", "Sending remote-read requests with their length from now on, because "+
				"the server or a proxy refused one without", "url", c.url, "status", resp.StatusCode)
		}
		return c.send(ctx, q)
	}
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, redact.MaxScanned)) // as much as can be read
	explanation := refusal.Words(answer)
	secrets := c.secrets(resp.Request)
	return nil, &Error{
		Reason:     reasonStatus,
		Status:     resp.StatusCode,
		Remedy:     refusal.Remedy(resp.StatusCode, c.url, string(explanation)),
		shorter:    refusal.Shorter(resp.StatusCode, string(explanation)),
		Err:        secrets.Error(fmt.Errorf("server answered %s: %s", resp.Status, secrets.Excerpt(explanation))),
		retryAfter: refusal.RetryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
}

// checkRedirect follows redirects to the same host, as http.Client does. Those to another host would take credentials
// along, or leave them out and fail there.
func checkRedirect(r *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	switch {
	case r.URL.Hostname() != from.Hostname(), from.Scheme == "https" && r.URL.Scheme != "https":
		return &Error{Reason: reasonRedirect, Err: fmt.Errorf(
			"redirected to %s://%s, which is not followed: set url to the server that answers", r.URL.Scheme, r.URL.Host,
		)}
	case len(via) >= 10: // as http.Client
		return &Error{Reason: reasonRedirect, Err: errors.New("redirected 10 times")}
	}
	return nil
}

// begin tells the kind of answer by its content type. It reads a streamed answer up to the first series, a sampled
// one completely.
func (s *stream) begin(ctx context.Context, resp *http.Response) error {
	var (
		c               = s.client
		header          = resp.Header.Get("Content-Type")
		mediaType, _, _ = mime.ParseMediaType(header)
		body            = &bodyReader{ctx: ctx, r: resp.Body, bytes: c.metrics.bytes}
	)
	s.quote = func(b []byte) string { return c.secrets(resp.Request).Excerpt(b[:min(len(b), redact.MaxScanned)]) }
	switch mediaType {
	case "application/x-streamed-protobuf", "application/x-protobuf":
		if err := checkDelimited(resp); err != nil {
			return err
		}
	}
	switch mediaType {
	case "application/x-streamed-protobuf":
		c.answered.Store(answersStreamed)
		s.frames = c.frames.Get().(*frame.Reader)
		s.frames.Reset(body, c.options.MaxFrameBytes, s.quote)
		for len(s.buffered) == 0 && s.frames != nil {
			s.readFrame()
		}
		return s.err
	case "application/x-protobuf":
		c.answered.Store(answersSampled)
		defer s.close(nil)
		return s.readSampled(body)
	default:
		start, _ := io.ReadAll(io.LimitReader(body, redact.MaxScanned)) // as much as can be read
		return &Error{
			Reason: reasonContentType,
			Status: resp.StatusCode,
			Remedy: refusal.Endpoint(c.url),
			Err: c.secrets(resp.Request).Error(
				fmt.Errorf("content type %q is not remote-read; the answer begins %q", header, s.quote(start)),
			),
		}
	}
}

// checkDelimited returns an error if the answer ends where the connection ends. Frames have no end mark, so an answer
// that was cut between two of them would look complete. This is how HTTP/1.0 ends answers, and thus proxies that speak
// it. TLS does not help: its close_notify only says that the proxy meant to close the connection, which it also does
// once its own server has gone away.
func checkDelimited(resp *http.Response) error {
	if resp.ProtoMajor != 1 || resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked") {
		return nil
	}
	return &Error{
		Reason: reasonUndelimited,
		Status: resp.StatusCode,
		Err: fmt.Errorf("%s answer with neither Content-Length nor chunked transfer encoding: nothing would show that "+
			"it was cut. If a proxy is in between, let it speak HTTP/1.1 to both sides (nginx: proxy_http_version 1.1)",
			resp.Proto),
	}
}

// bodyReader counts the bytes that it reads. Its errors are io.EOF or an *Error.
type bodyReader struct {
	ctx   context.Context
	r     io.Reader
	bytes prometheus.Counter
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.bytes.Add(float64(n))
	if err != nil && err != io.EOF { //nolint:errorlint // only the bare one is the end
		err = transportError(b.ctx, err)
	}
	return n, err
}

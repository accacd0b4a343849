package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// checkServers asks each server once. If one does not answer, no more questions are asked: the source has only answers
// of all of them together.
func (c *checker) checkServers(ctx context.Context) {
	if c.Offline {
		return
	}
	for i, server := range c.source.Servers() {
		found, err := c.probe(ctx, server)
		if err == nil {
			c.checkClock(ctx, i)
			c.checkExternal(i, found)
			continue
		}
		c.Offline = true
		todo := remedy(err)
		message := fmt.Sprintf("remote_read[%d]: %s", i, strings.TrimSuffix(err.Error(), "; "+todo))
		c.warn("remote_read", c.lines.At("remote_read", i, "url"), message, todo)
	}
}

const (
	// probed is how far back samples of up are looked for. Chosen: the usual look-back.
	probed = 5 * time.Minute
	// mostProbed bounds the series that are read. Chosen: labels that all series have are on a few, too.
	mostProbed = 100
)

// worstClock is how far clocks may be apart: as long as query_offset waits for late samples by default. Times in
// headers are whole seconds.
const worstClock = 30 * time.Second

// checkClock warns if the clock of a server differs from the one here. The newest step would be read before its samples
// are there, or long after.
func (c *checker) checkClock(ctx context.Context, i int) {
	entry := c.cfg.RemoteRead[i]
	client, err := commoncfg.NewClientFromConfig(entry.HTTPClientConfig, "check")
	if err != nil {
		return
	}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, entry.URL.String(), nil)
	if err != nil {
		return
	}
	answer, err := client.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	there, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return // it does not say
	}
	off, word := time.Since(there), "behind"
	if off < 0 {
		off, word = -off, "ahead of"
	}
	if off > worstClock {
		c.warn("remote_read", c.lines.At("remote_read", i, "url"), fmt.Sprintf("remote_read[%d]: the clock of the server is "+
			"%s %s the one here", i, humanize.Duration(off), word), "correct the wrong one: results would be wrong or late")
	}
}

// checkEmpty says once that the servers scrape nothing, as before their first scrape, instead of each metric that it
// does not exist.
func (c *checker) checkEmpty(ctx context.Context) {
	absent := func(p Problem) bool { return strings.Contains(p.Message, noMetric) }
	if !c.withoutSeries() || !slices.ContainsFunc(c.Problems, absent) {
		return
	}
	if v, err := c.queryAt(ctx, "count(last_over_time(up[1d]))", c.Now); err != nil || len(v) > 0 {
		return
	}
	c.Problems = slices.DeleteFunc(c.Problems, absent)
	c.warn("remote_read", c.lines.At("remote_read", 0, "url"),
		"remote_read: there is no series of any expression, and no metric up: nothing is scraped",
		"was the server started just now? Then wait for its first scrape. If not, is it the one that is meant?")
}

// withoutSeries reports whether no expression has a series now.
func (c *checker) withoutSeries() bool {
	unanswered := func(cost Cost) bool { return cost.Series == nil || *cost.Series > 0 }
	return len(c.Costs) > 0 && !slices.ContainsFunc(c.Costs, unanswered)
}

// checkTenant warns if no expression has a series and a server is asked in the name of a tenant: Cortex and Mimir
// answer a tenant that they do not know as one without series.
func (c *checker) checkTenant() {
	if !c.withoutSeries() {
		return
	}
	for i, server := range c.cfg.RemoteRead {
		if server.HTTPClientConfig.HTTPHeaders == nil {
			continue
		}
		for name := range server.HTTPClientConfig.HTTPHeaders.Headers {
			if strings.EqualFold(name, "X-Scope-OrgID") {
				c.warn("remote_read", c.lines.At("remote_read", i, "url"),
					fmt.Sprintf("remote_read[%d]: the tenant in X-Scope-OrgID has no series of any expression", i),
					"is its name right? The server answers an unknown tenant with nothing")
			}
		}
	}
}

// checkExternal warns of an external label with another value than all series of the server have: it stays on them, and
// tells the results of replicas apart.
func (c *checker) checkExternal(i int, found []labels.Labels) {
	c.cfg.RemoteRead[i].ExternalLabels.Range(func(external labels.Label) {
		there := ""
		for _, l := range found {
			if there = l.Get(external.Name); there == "" {
				return
			}
		}
		if there != "" {
			c.warn("remote_read", c.lines.At("remote_read", i, "external_labels"), fmt.Sprintf("remote_read[%d]: "+
				"external_labels: %s is %q, but series have %q", i, external.Name, external.Value, there),
				"copy global.external_labels from the configuration of this server")
		}
	})
}

// probe reads a few series of up from a server.
func (c *checker) probe(ctx context.Context, server storage.Queryable) (found []labels.Labels, err error) {
	at := c.Now.UnixMilli()
	q, err := server.Querier(at-probed.Milliseconds(), at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	hints := &storage.SelectHints{Start: at - probed.Milliseconds(), End: at}
	set := q.Select(ctx, false, hints, labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, "up"))
	for len(found) < mostProbed && set.Next() {
		found = append(found, set.At().Labels())
	}
	return found, brief(ctx, set.Err())
}

// brief returns an error without what the engine adds to it. If the time is over, that is the error.
func brief(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if readErr, ok := errors.AsType[*remoteread.Error](err); ok {
		return readErr
	}
	return err
}

// Remedy returns what to append to an error: what somebody may do about a server in remote_read that does not answer.
func Remedy(err error) string {
	if _, ok := errors.AsType[*remoteread.Error](err); ok {
		if todo := remedy(err); todo != "" {
			return "; " + todo
		}
	}
	return ""
}

// remedy returns what somebody may do about a server that does not answer; "": nothing is known.
func remedy(err error) string {
	e, ok := errors.AsType[*remoteread.Error](err)
	if !ok {
		return "is the server overloaded, or a firewall in between?"
	}
	text := e.Err.Error()
	_, badName := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	wrongHost := errors.As(err, new(x509.HostnameError))
	expired := errors.As(err, new(x509.CertificateInvalidError))
	switch {
	case e.Remedy != "":
		return e.Remedy
	case e.Reason == "redirect":
		return "use the URL that it redirects to"
	case e.Status/100 == 5:
		return "is the server still starting, or is a proxy in between whose server is down?"
	case wrongHost:
		return "use a host name that the certificate has, or set tls_config.server_name to one"
	case expired:
		return "is the certificate expired, or the clock wrong?"
	case untrusted:
		return "set tls_config.ca_file to the authority that signed the certificate"
	case plain || strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return "the server does not speak TLS: write http:// instead of https://"
	case e.Status == http.StatusBadRequest && strings.Contains(text, "HTTPS server"):
		return "the server speaks TLS: write https:// instead of http://"
	case strings.Contains(text, "tls: ") || strings.Contains(text, "remote error: tls"):
		return "check tls_config: the server may ask for a certificate (cert_file, key_file), or for another version of TLS"
	case badName:
		return "is the name of the host right, and known where this runs?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "is the server running, and is its port right?"
	case e.Reason == "timeout":
		return "is the server overloaded, or a firewall in between?"
	}
	return ""
}

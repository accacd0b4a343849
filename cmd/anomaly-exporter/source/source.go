// Package source reads history from the servers of a configuration.
package source

import (
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"github.com/go-kit/log"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/storage"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/dedup"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
)

// A Source reads from all remote_read entries of a configuration.
type Source struct {
	storage.Queryable
	clients []*remoteread.Client
}

// Options are those that all clients of a Source share.
type Options struct {
	Metrics        *remoteread.Metrics
	MaxConcurrency int
	MaxRetries     int // 0 means the default of remoteread, negative means none
	Logger         log.Logger
}

// New returns a Source with a client for each entry. It does not connect.
func New(entries []config.RemoteRead, o Options) (*Source, error) {
	s := &Source{}
	var all []storage.Queryable
	for i, entry := range entries {
		httpClient, err := commoncfg.NewClientFromConfig(entry.HTTPClientConfig, "remote_read")
		if err != nil {
			return nil, fmt.Errorf("remote_read[%d]: %w", i, err)
		}
		client, err := remoteread.New(remoteread.Options{
			URL:            entry.URL.String(),
			HTTPClient:     httpClient,
			Secrets:        entry.Secrets,
			ExternalLabels: entry.ExternalLabels,
			Limits:         answerLimits(entry),
			Timeout:        time.Duration(entry.RemoteTimeout),
			MaxConcurrency: max(o.MaxConcurrency, 1),
			MaxRetries:     o.MaxRetries,
			Metrics:        o.Metrics,
			Logger:         log.With(o.Logger, "component", "remote_read"),
		})
		if err != nil {
			return nil, err
		}
		s.clients = append(s.clients, client)
		all = append(all, client)
	}
	s.Queryable = merged(all)
	return s, nil
}

// Servers returns what reads from each entry alone.
func (s *Source) Servers() []storage.Queryable {
	var all []storage.Queryable
	for _, c := range s.clients {
		all = append(all, c)
	}
	return all
}

// Close closes idle connections, and those of reads in flight once these are over.
func (s *Source) Close() {
	for _, c := range s.clients {
		c.Retire()
	}
}

// merged returns a Queryable that reads from several servers. Series with the same labels are those of replicas, and
// become one. If a server fails, the whole read fails: otherwise models would learn from incomplete data.
func merged(all []storage.Queryable) storage.Queryable {
	if len(all) == 1 {
		return all[0]
	}
	return storage.QueryableFunc(func(mint, maxt int64) (storage.Querier, error) {
		queriers := make([]storage.Querier, 0, len(all))
		for _, q := range all {
			querier, err := q.Querier(mint, maxt)
			if err != nil {
				return nil, err
			}
			queriers = append(queriers, querier)
		}
		return storage.NewMergeQuerier(queriers, nil, dedup.Merge), nil
	})
}

const (
	// answerShare is the share of the memory limit that one answer may take, before it is evaluated. Chosen, not tuned.
	answerShare = 8
	// leastAnswer is what an answer may take in any case. Guard: about as much as a frame and its series.
	leastAnswer = 64 << 20
)

// answerLimits returns the limits of an answer.
func answerLimits(entry config.RemoteRead) limit.Limits {
	l := limit.Limits{
		Labels: entry.LabelLimit, LabelNameLength: entry.LabelNameLengthLimit, LabelValueLength: entry.LabelValueLengthLimit,
	}
	if memory, limited := MemoryLimit(); limited {
		l.Bytes = max(memory/answerShare, leastAnswer)
	}
	return l
}

// MemoryLimit returns the limit that the Go runtime keeps to, from GOMEMLIMIT or the cgroup, in bytes.
func MemoryLimit() (bytes int64, limited bool) {
	bytes = debug.SetMemoryLimit(-1) // which only reads it
	return bytes, bytes < math.MaxInt64
}

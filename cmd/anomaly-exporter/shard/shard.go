// Package shard tells which share of the series a process has.
package shard

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// Flags are the --shard.* flags.
type Flags struct {
	index string
	total int
}

// AddTo adds the flags to a command.
func (f *Flags) AddTo(cmd *kingpin.CmdClause) {
	cmd.Flag("shard.index", "Which shard of the series this process scores, from 0 to --shard.total - 1. With auto it is "+
		"the ordinal at the end of the hostname, as the pods of a StatefulSet have it.").
		Default("0").StringVar(&f.index)
	cmd.Flag("shard.total", "Number of processes that share the series. All of them need the same configuration.").
		Default("1").IntVar(&f.total)
}

// shard returns the shard that the flags name, on a host of this name.
func (f Flags) shard(hostname string) (s Shard, err error) {
	s.total = max(f.total, 1)
	if f.total < 0 {
		return s, errors.New("--shard.total is negative")
	}
	from, ordinal := "--shard.index", f.index
	if f.index == "auto" {
		from = fmt.Sprintf("hostname %q with --shard.index=auto", hostname)
		hostname, _, _ = strings.Cut(hostname, ".")
		if ordinal = hostname[strings.LastIndex(hostname, "-")+1:]; ordinal == hostname {
			return s, fmt.Errorf("%s: no ordinal at its end", from)
		}
	}
	if s.index, err = strconv.Atoi(ordinal); f.index != "" && err != nil {
		return s, fmt.Errorf("%s: %q is not a number", from, ordinal)
	}
	if s.index < 0 || s.index >= s.total {
		return s, fmt.Errorf("%s: there is no shard %d of --shard.total=%d: the first is 0", from, s.index, s.total)
	}
	return s, nil
}

// Shard returns the shard that the flags name on this host. The error names the flag that is wrong.
func (f Flags) Shard() (Shard, error) {
	hostname := ""
	if f.index == "auto" {
		var err error
		if hostname, err = os.Hostname(); err != nil {
			return Shard{}, err
		}
	}
	return f.shard(hostname)
}

// A Shard is the part of the series that a process has.
type Shard struct{ index, total int }

// owns reports whether a key belongs to the shard: it has the largest of the weights that the key gives to each shard.
// This is rendezvous hashing (Thaler and Ravishankar 1998): a shard that is added takes its share evenly from all
// others, and nothing else moves.
func (s Shard) owns(key uint64) bool {
	own := weight(key, s.index)
	for other := range s.total {
		if w := weight(key, other); w > own || w == own && other < s.index {
			return false
		}
	}
	return true
}

// weight hashes a key and the index of a shard.
func weight(key uint64, index int) uint64 { return mix(mix(key) ^ mix(uint64(index)+1)) }

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Ownership returns what tells by shard key what belongs to the shard; nil: all does.
func (s Shard) Ownership() func(uint64) bool {
	if s.total == 1 {
		return nil
	}
	return s.owns
}

// Registerer returns reg for the metrics of the process about itself. If there are several shards, all of these have a
// label that tells shards, whose counts add up, from replicas, which count the same.
func (s Shard) Registerer(reg prometheus.Registerer) prometheus.Registerer {
	if s.total > 1 {
		reg = prometheus.WrapRegistererWith(prometheus.Labels{"shard": strconv.Itoa(s.index)}, reg)
	}
	total := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "anomaly_exporter_shards",
		Help: "Number of shards that share the series, as --shard.total says.",
	})
	total.Set(float64(s.total))
	reg.MustRegister(total)
	return reg
}

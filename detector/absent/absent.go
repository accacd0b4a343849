// Package absent logs which expressions have no series. A server that has just been started has none for minutes, and
// one that answers for another tenant never has any: one line says so for all.
package absent

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

const (
	// newServer is how old the oldest value is at a server that is new. Chosen: by then an expression over the usual 5m
	// has a value, and so has what is recorded from it.
	newServer = 10 * time.Minute
	// settle is how long those that are told of at once are collected. Chosen: twice the offset between the cycles of
	// different detectors.
	settle = 30 * time.Second
	// mostNamed bounds the names in one line. Chosen: a line of a terminal or two.
	mostNamed = 10
	// mostWarnings bounds the warnings of one source. Chosen: a second time is news, what comes and goes is not.
	mostWarnings = 2
)

// farAway is after all times of steps.
var farAway = time.UnixMilli(math.MaxInt64)

// A Watch watches which detectors and scalers have series. The zero value watches none.
type Watch struct {
	sources map[result.Source]*source
	oldest  int64     // value (ms) that was read; 0: none
	news    bool      // some are untold
	first   int64     // step (ms) of the first of these
	since   time.Time // when Report was called first since
	none    time.Time // when none had series last
	joint   string    // names in the one line about several; "": none was written
}

type source struct {
	step     int64 // newest
	series   int
	untold   bool // it has no series
	warnings int
	warned   bool // that it has none
	zeros    bool // it fills gaps with zeros
}

// Forget forgets a source.
func (w *Watch) Forget(s result.Source) { delete(w.sources, s) }

// Observe takes the results of a cycle. What fills gaps with zeros may have none for good reason.
func (w *Watch) Observe(logger log.Logger, b *result.Batch, zeros bool) {
	if w.sources == nil {
		w.sources = map[result.Source]*source{}
	}
	s := w.sources[b.Source]
	if s == nil {
		s = &source{}
		w.sources[b.Source] = s
	}
	s.step, s.series, s.zeros = b.Step, len(b.Series), zeros
	switch {
	case s.series == 0 && !s.warned && !s.untold && s.warnings < mostWarnings:
		s.untold = true
		if !w.news {
			w.news, w.first, w.since, w.joint = true, b.Step, time.Time{}, ""
		}
	case s.series > 0:
		s.untold = false
		w.remember(b)
		if s.warned && s.warnings < mostWarnings {
			s.warned = false
			level.Info(logger).Log(b.Source.Kind(), b.Source.ID(), "msg", "The expression has series now",
				"step", stamp(s.step), "series", s.series)
		}
	}
}

// remember keeps the time of the oldest value, until it is known that the server is not new.
func (w *Watch) remember(b *result.Batch) {
	old := b.Step - newServer.Milliseconds()
	for i := range b.Series {
		for _, h := range b.Series[i].History {
			if w.oldest != 0 && w.oldest <= old {
				return
			}
			if at, ok := h.First(b.Step); ok && (w.oldest == 0 || at < w.oldest) {
				w.oldest = at
			}
		}
	}
}

// Report logs what has no series, once all of so many sources have been observed since the first of these, or some time
// later. It waits longer if not all have tried a first cycle: what they read may tell that the server is not new.
func (w *Watch) Report(logger log.Logger, now time.Time, of int, tried bool) {
	if !w.news {
		return
	}
	if w.since.IsZero() {
		w.since = now
	}
	seen := 0
	var empty, untold []result.Source
	for id, s := range w.sources {
		if s.step >= w.first {
			seen++
		}
		if s.series == 0 {
			empty = append(empty, id)
		}
		if s.untold {
			untold = append(untold, id)
		}
	}
	slices.SortFunc(empty, result.Source.Compare)
	slices.SortFunc(untold, result.Source.Compare)
	grown := w.grown()
	switch {
	case len(untold) == 0:
		if w.joint != "" {
			level.Info(logger).Log("msg", "The expressions have series now", "names", w.joint)
		}
		w.news = false
	case seen < of && (now.Sub(w.since) < settle || now.Before(grown) && !tried): // others may tell more
	case of > 1 && len(empty) == of:
		w.none = now
		w.tellAll(logger, "No expression has a series now", empty, of,
			"if the server is new, wait for the next steps; else look at the url in remote_read, and at X-Scope-OrgID if there "+
				"are tenants")
	default:
		var waiting []result.Source
		for _, id := range untold {
			s := w.sources[id]
			if of > 1 && time.UnixMilli(s.step).Before(grown) {
				waiting = append(waiting, id)
				continue
			}
			s.untold, s.warned = false, true
			s.warnings++
			level.Warn(logger).Log(id.Kind(), id.ID(), "msg", "The expression has no series", "step", stamp(s.step),
				"remedy", s.remedy(len(empty) == of))
		}
		if w.news = len(waiting) > 0; w.news {
			w.tellAll(logger, "Expressions have no series yet, the server is new", waiting, of,
				fmt.Sprintf("wait: those that have none when it has values of %s are logged", newServer))
		}
	}
}

// remedy says what to do about a source without series. Where others have some, it is not the server.
func (s *source) remedy(alone bool) string {
	text := "check-config tells which selector matches nothing, or that all values are NaN"
	if s.zeros {
		text = "nothing may have happened yet that it counts (missing: zero); else " + text
	}
	if alone {
		text = "if the server is new, wait for the next steps; else " + text + "; with tenants, look at X-Scope-OrgID"
	}
	return text
}

// grown returns from when on the server is not new any more, as far as is known.
func (w *Watch) grown() time.Time {
	if w.oldest == 0 {
		return farAway
	}
	grown := time.UnixMilli(w.oldest)
	if w.none.After(grown) {
		grown = w.none
	}
	return grown.Add(newServer)
}

// tellAll logs one line for several sources, unless the last line was one.
func (w *Watch) tellAll(logger log.Logger, msg string, sources []result.Source, of int, remedy string) {
	if w.joint != "" {
		return
	}
	names := make([]string, 0, mostNamed+1)
	for _, id := range sources[:min(len(sources), mostNamed)] {
		names = append(names, id.ID())
	}
	if more := len(sources) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	w.joint = strings.Join(names, ", ")
	keyvals := []any{"msg", msg, "count", len(sources), "of", of, "names", w.joint}
	if w.oldest != 0 {
		keyvals = append(keyvals, "oldest_value", stamp(w.oldest))
	}
	level.Warn(logger).Log(append(keyvals, "remedy", remedy)...)
}

// stamp formats a time, in milliseconds since the epoch, for the log.
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

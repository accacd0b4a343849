package past

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// running is the name of the replicas that were running, beside the strategies of package replicas.
const running = "running"

// A ScalerHistory is what was published of a scaler for a workload, and what that went by, step by step: arrays of the
// same length, without a gap in time. The steps after the newest one have only a forecast.
type ScalerHistory struct {
	StepSeconds float64  `json:"stepSeconds"`
	Time        []int64  `json:"time"` // seconds since 1970
	Load        []Number `json:"load"`
	// Largest is the quantile of the largest load until the horizon that the recommendation went by; null: it went by
	// the load of the step.
	Largest []Number `json:"largest"`
	// Expected, Lower and Upper are what was forecast for the step, as long before as the horizon was.
	Expected []Number `json:"expected"`
	Lower    []Number `json:"lower"`
	Upper    []Number `json:"upper"`
	Capacity []Number `json:"capacity"` // load that a replica carries
	Decided  []string `json:"decided"`  // what decided the recommendation; "": there was none

	Strategies []Strategy `json:"strategies"`

	from, step int64 // ms
}

// A Strategy is a way to choose the number of replicas: what is recommended, an autoscaler that sees the load now, a
// fleet for the largest load, and what was running.
type Strategy struct {
	Name     string   `json:"name"`
	Replicas []Number `json:"replicas"` // requested
	// Short says where the load exceeded the capacity of the replicas that serve. A replica serves once it has been
	// requested for the whole horizon. What is running serves.
	Short []bool `json:"short"`

	Mean         Number `json:"mean"`         // replicas
	ReplicaHours Number `json:"replicaHours"` // of the steps at which the number is known
	Cost         Number `json:"cost"`         // null: the cost of a replica is not known
	ShortSeconds Number `json:"shortSeconds"`
	ShortShare   Number `json:"shortShare"` // of the time
}

// A Change is a step at which another number was recommended than before.
type Change struct {
	Time     time.Time
	From, To int
	Decided  string
}

// Scaler replays a load whose horizon is now horizon. The replay begins one horizon before the first step, because the
// first step shows what had been forecast for it. costPerHour is the cost of a replica; 0: not known. Errors tell
// whether the request or the source was at fault.
func (p *Past) Scaler(
	ctx context.Context, span Span, horizon time.Duration, costPerHour float64,
) (*ScalerHistory, error) {
	type scalerKey struct {
		key
		horizon     time.Duration
		costPerHour float64
	}
	key := scalerKey{span.key(), horizon, costPerHour}
	return remembered(ctx, p, key, func(ctx context.Context) (*ScalerHistory, error) {
		return p.replay.Scaler(ctx, span, horizon, costPerHour)
	})
}

// Scaler does the same at once, and for as long as it takes.
func (r Replay) Scaler(
	ctx context.Context, span Span, horizon time.Duration, costPerHour float64,
) (*ScalerHistory, error) {
	var h *ScalerHistory
	emit := func(b *result.Batch, s *result.Series) {
		if h == nil {
			h = newScalerHistory(span, b.Format.Step, horizon)
		}
		h.add(b, s)
	}
	err := r.one(ctx, span, at(span.From).Add(-horizon), emit)
	if err == nil && h == nil {
		err = fmt.Errorf("replaying the history: %s has no load there", span.Source)
	}
	if err != nil {
		return nil, err
	}
	h.sumUp(costPerHour)
	return h, nil
}

func (h *ScalerHistory) steps() int { return len(h.Time) }

// newScalerHistory returns a history without values, which ends a horizon after the last step.
func newScalerHistory(span Span, step, horizon time.Duration) *ScalerHistory {
	h := &ScalerHistory{StepSeconds: step.Seconds(), from: span.From, step: step.Milliseconds()}
	for ts := span.From; ts <= span.To+horizon.Milliseconds(); ts += h.step {
		h.Time = append(h.Time, ts/1000)
	}
	n := len(h.Time)
	h.Decided = make([]string, n)
	unknown := []Number{Number(math.NaN())}
	for _, of := range []*[]Number{&h.Load, &h.Largest, &h.Expected, &h.Lower, &h.Upper, &h.Capacity} {
		*of = slices.Repeat(unknown, n)
	}
	for s := range replicas.NumStrategies {
		h.Strategies = append(h.Strategies, Strategy{Name: s.String()})
	}
	h.Strategies = append(h.Strategies, Strategy{Name: running})
	for i := range h.Strategies {
		h.Strategies[i].Replicas, h.Strategies[i].Short = slices.Repeat(unknown, n), make([]bool, n)
	}
	return h
}

// add adds the step of a batch, and its forecast.
func (h *ScalerHistory) add(b *result.Batch, s *result.Series) {
	i := (b.Step - h.from) / h.step // negative before the first
	if f := s.Forecast; f != nil && len(f.Points) > 0 {
		p := f.Points[0]
		if then := i + int64(p.Steps); then >= 0 && then < int64(len(h.Time)) {
			h.Expected[then], h.Lower[then], h.Upper[then] = Number(p.Median), Number(p.Lower), Number(p.Upper)
		}
	}
	if i < 0 {
		return
	}
	load := b.Value(s, 0)
	h.Load[i] = Number(load)
	if s.Scaling == nil {
		return
	}
	h.Largest[i], h.Capacity[i] = Number(s.Scaling.Upper), Number(s.Scaling.Capacity)
	h.Decided[i] = string(s.Replicas.Source)
	for k, n := range s.Scaling.Requested {
		h.Strategies[k].Replicas[i], h.Strategies[k].Short[i] = Number(n), s.Scaling.Short[k]
	}
	fleet := &h.Strategies[replicas.NumStrategies]
	fleet.Replicas[i], fleet.Short[i] = Number(s.Scaling.Running), load > s.Scaling.Running*s.Scaling.Capacity
}

// Every returns every n-th step, and what is short at it or before the next. The totals are those of all steps.
func (h *ScalerHistory) Every(n int) *ScalerHistory {
	thinned := *h
	thinned.StepSeconds *= float64(n)
	thinned.Time, thinned.Decided = every(h.Time, n), every(h.Decided, n)
	for _, of := range []*[]Number{
		&thinned.Load, &thinned.Largest, &thinned.Expected, &thinned.Lower, &thinned.Upper, &thinned.Capacity,
	} {
		*of = every(*of, n)
	}
	thinned.Strategies = slices.Clone(h.Strategies)
	for i := range thinned.Strategies {
		s := &thinned.Strategies[i]
		s.Replicas = every(s.Replicas, n)
		var short []bool
		for some := range slices.Chunk(s.Short, n) {
			short = append(short, slices.Contains(some, true))
		}
		s.Short = short
	}
	return &thinned
}

func every[T any](all []T, n int) (some []T) {
	for i := 0; i < len(all); i += n {
		some = append(some, all[i])
	}
	return some
}

// sumUp adds the totals of the strategies, and leaves out strategies without any known total.
func (h *ScalerHistory) sumUp(costPerHour float64) {
	for k := range h.Strategies {
		s := &h.Strategies[k]
		known, sum, short := 0.0, 0.0, 0.0
		for i, n := range s.Replicas {
			if n == n {
				known, sum = known+1, sum+float64(n)
			}
			if s.Short[i] {
				short++
			}
		}
		hours := h.StepSeconds / 3600
		s.Mean, s.ReplicaHours, s.Cost = Number(sum/known), Number(sum*hours), Number(math.NaN())
		s.ShortSeconds, s.ShortShare = Number(short*h.StepSeconds), Number(short/known)
		if costPerHour > 0 {
			s.Cost = Number(sum * hours * costPerHour)
		}
	}
	h.Strategies = slices.DeleteFunc(h.Strategies, func(s Strategy) bool { return s.Mean != s.Mean })
}

// Changes returns the changes of the recommendation, the newest first.
func (h *ScalerHistory) Changes() (found []Change) {
	recommended := slices.IndexFunc(h.Strategies, func(s Strategy) bool { return s.Name == replicas.Recommended.String() })
	if recommended < 0 {
		return nil
	}
	before := math.NaN()
	for i, n := range h.Strategies[recommended].Replicas {
		now := float64(n)
		if now != now {
			continue
		}
		if before == before && now != before {
			found = append(found, Change{time.Unix(h.Time[i], 0).UTC(), int(before), int(now), h.Decided[i]})
		}
		before = now
	}
	slices.Reverse(found)
	return found
}

// A Decider is what decided recommendations, and how often.
type Decider struct {
	Source string
	Share  Number // of the steps with a recommendation
}

// Deciders returns what decided the recommendations, the most frequent first.
func (h *ScalerHistory) Deciders() (found []Decider) {
	known := 0
	for _, source := range h.Decided {
		if source == "" {
			continue
		}
		known++
		i := slices.IndexFunc(found, func(d Decider) bool { return d.Source == source })
		if i < 0 {
			i, found = len(found), append(found, Decider{Source: source})
		}
		found[i].Share++
	}
	for i := range found {
		found[i].Share /= Number(known)
	}
	slices.SortStableFunc(found, func(a, b Decider) int { return cmp.Compare(b.Share, a.Share) })
	return found
}

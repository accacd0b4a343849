// Package verdict keeps what people said about anomalies: a file that they can edit and that otherwise only grows, and
// the series anomaly_feedback that it makes for PromQL.
package verdict

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
)

// A Kind is what somebody says about a period.
type Kind string

// The kinds of verdicts.
const (
	Confirmed Kind = "confirmed" // it was an anomaly: never learned from
	Rejected  Kind = "rejected"  // it was not an anomaly: learned as normal
	Revoked   Kind = "revoked"   // takes back what was said before about the same series and period
)

// Guards, chosen and not tuned: what people write by hand is far below.
const (
	maxLabels  = 64
	maxWho     = 128  // bytes
	maxComment = 1024 // bytes
)

// A Verdict is what somebody said about the series that have certain labels, over a period.
type Verdict struct {
	Series   labels.Labels // those of the results of the series; detector is one of them, without it all are meant
	From, To time.Time     // both included
	Kind     Kind
	Who      string // who said it; "": unknown
	Comment  string
}

// Check returns an error that says what is wrong with a verdict, or nil.
func (v *Verdict) Check() error {
	switch {
	case v.Series.IsEmpty():
		return errors.New("series: no labels")
	case v.Series.Len() > maxLabels:
		return fmt.Errorf("series: %d labels are more than %d", v.Series.Len(), maxLabels)
	case !inRange(v.From):
		return errors.New("from: not between the years 1970 and 2999")
	case !inRange(v.To):
		return errors.New("to: not between the years 1970 and 2999")
	case v.To.Before(v.From):
		return fmt.Errorf("to: %s is before from, %s", stamp(v.To), stamp(v.From))
	case v.Kind != Confirmed && v.Kind != Rejected && v.Kind != Revoked:
		return fmt.Errorf("verdict: %q is not one of %q, %q and %q", v.Kind, Confirmed, Rejected, Revoked)
	case len(v.Who) > maxWho || !utf8.ValidString(v.Who):
		return fmt.Errorf("who: more than %d bytes, or not UTF-8", maxWho)
	case len(v.Comment) > maxComment || !utf8.ValidString(v.Comment):
		return fmt.Errorf("comment: more than %d bytes, or not UTF-8", maxComment)
	}
	return nil
}

// inRange keeps times away from where sums of them overflow.
func inRange(t time.Time) bool { return t.Unix() >= 0 && t.Year() < 3000 }

// Same reports whether two verdicts are about the same series and period, so that the later one counts.
func (v *Verdict) Same(other *Verdict) bool {
	return labels.Equal(v.Series, other.Series) && v.From.Equal(other.From) && v.To.Equal(other.To)
}

// Matches reports whether a verdict is about a series, of whose labels get returns the values.
func (v *Verdict) Matches(get func(name string) string) bool {
	matches := true
	v.Series.Range(func(l labels.Label) { matches = matches && get(l.Name) == l.Value })
	return matches
}

// key identifies the series and the period of a verdict. Of several verdicts with the same key, the last one counts.
func (v *Verdict) key() string { return v.Series.String() + stamp(v.From) + stamp(v.To) }

// A Period is one that a verdict holds for.
type Period struct {
	From, To  int64 // ms, both included
	Confirmed bool  // else rejected
}

// Periods returns the periods that verdicts speak of, in order and without overlaps. Where one confirms what another
// rejects, the period is confirmed.
func Periods(verdicts []Verdict) []Period {
	var edges []int64 // where a period begins, or the millisecond after one has ended
	for _, v := range verdicts {
		edges = append(edges, v.From.UnixMilli(), v.To.UnixMilli()+1)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	var periods []Period
	for i := 1; i < len(edges); i++ {
		p := Period{From: edges[i-1], To: edges[i] - 1}
		covered := false
		for _, v := range verdicts {
			if v.From.UnixMilli() <= p.From && v.To.UnixMilli() >= p.To {
				covered = true
				p.Confirmed = p.Confirmed || v.Kind == Confirmed
			}
		}
		if n := len(periods); covered && n > 0 && periods[n-1].To+1 == p.From && periods[n-1].Confirmed == p.Confirmed {
			periods[n-1].To = p.To
		} else if covered {
			periods = append(periods, p)
		}
	}
	return periods
}

// A Set is the verdicts in force. It never changes. The zero Set and nil have none.
type Set struct {
	verdicts []Verdict
	// Invalid are the lines of the file that are no verdicts.
	Invalid []LineError
}

// NewSet returns the Set of verdicts that were given in this order: of those about the same series and period the last
// one counts.
func NewSet(given ...Verdict) *Set {
	s := &Set{}
	last := map[string]int{}
	for i := range given {
		last[given[i].key()] = i
	}
	for i := range given {
		if v := given[i]; last[v.key()] == i && v.Kind != Revoked {
			s.verdicts = append(s.verdicts, v)
		}
	}
	return s
}

// All returns the verdicts in the order in which they were given. The caller must not change them.
func (s *Set) All() []Verdict {
	if s == nil {
		return nil
	}
	return s.verdicts
}

// About returns the verdicts that can be about series of a detector, sorted by series and period.
func (s *Set) About(detector string) []Verdict {
	var found []Verdict
	for _, v := range s.All() {
		if name := v.Series.Get("detector"); name == "" && !v.Series.Has("scaler") || name == detector {
			found = append(found, v)
		}
	}
	slices.SortStableFunc(found, func(a, b Verdict) int {
		return cmp.Or(labels.Compare(a.Series, b.Series), a.From.Compare(b.From), a.To.Compare(b.To))
	})
	return found
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z07:00") }

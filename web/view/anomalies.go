package view

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/view/naming"
)

// together is how far apart the starts of two anomalies of one incident may be. Chosen, not tuned: what one cause does
// to several signals shows within minutes, and slower signals take some more.
const together = 30 * time.Minute

// An Incident is what is anomalous of one workload at the same time.
type Incident struct {
	Severity       string            `json:"severity"`
	Labels         map[string]string `json:"labels"` // of the workload
	Since          time.Time         `json:"since"`  // start of its first anomaly
	SinceOrEarlier bool              `json:"sinceOrEarlier,omitempty"`
	Series         []Series          `json:"series"` // the rarest first
}

// Anomalies is what is anomalous now.
type Anomalies struct {
	Incidents []Incident `json:"incidents"` // the most severe first, then the rarest
	Total     int        `json:"total"`     // incidents
	Scored    int        `json:"scored"`    // series with a score
	High      int        `json:"high"`      // of these, those that are anomalous
	// Highest is the highest score of all, and whose it is, to know that the exporter looks.
	Highest Number `json:"highest"`
}

// Anomalies groups the series with a high score into incidents.
func (v *View) Anomalies(s *result.Snapshot, f *Filter) Anomalies {
	found := Anomalies{Incidents: []Incident{}, Highest: Number(math.NaN())}
	var high []Series
	for _, b := range s.Batches {
		for i := range b.Series {
			one := &b.Series[i]
			if !f.matches(b.Source, one) || math.IsNaN(one.Score.Value) {
				continue
			}
			found.Scored++
			if !(float64(found.Highest) > one.Score.Value) {
				found.Highest = Number(one.Score.Value)
			}
			if one.Since.At != 0 || one.Score.Value >= feedback.HighScore {
				high = append(high, v.newSeries(b, one))
			}
		}
	}
	found.High = len(high)
	start := func(s *Series) time.Time {
		if s.Since != nil {
			return *s.Since
		}
		return s.Step
	}
	slices.SortStableFunc(high, func(a, b Series) int { return start(&a).Compare(start(&b)) })
	newest := map[string]int{} // index of the newest incident of a workload
	for i := range high {
		one := &high[i]
		labels, key := naming.Workload(one.label)
		n, ok := newest[key]
		if ok {
			last := &found.Incidents[n]
			ok = start(one).Sub(start(&last.Series[len(last.Series)-1])) <= together
		}
		if !ok {
			n = len(found.Incidents)
			newest[key] = n
			found.Incidents = append(found.Incidents, Incident{
				Labels: labels, Since: start(one), SinceOrEarlier: one.SinceOrEarlier,
			})
		}
		found.Incidents[n].Series = append(found.Incidents[n].Series, *one)
	}
	for i := range found.Incidents {
		found.Incidents[i].rank()
	}
	found.Incidents = slices.DeleteFunc(found.Incidents, func(i Incident) bool {
		return severityRank(i.Severity) < severityRank(f.Severity)
	})
	slices.SortStableFunc(found.Incidents, func(a, b Incident) int {
		return cmp.Or(
			cmp.Compare(severityRank(b.Severity), severityRank(a.Severity)),
			cmp.Compare(rarity(&b.Series[0]), rarity(&a.Series[0])), b.Since.Compare(a.Since),
		)
	})
	found.Total = len(found.Incidents)
	found.Incidents = page(f, found.Incidents)
	return found
}

// rank sorts the series of an incident by rarity and takes the severity of the most severe one.
func (i *Incident) rank() {
	slices.SortStableFunc(i.Series, func(a, b Series) int { return cmp.Compare(rarity(&b), rarity(&a)) })
	for k := range i.Series {
		if severityRank(i.Series[k].Severity) > severityRank(i.Severity) {
			i.Severity = i.Series[k].Severity
		}
	}
}

func severityRank(s string) int { return map[string]int{High: 1, Critical: 2}[s] }

// rarity is the return period of a score.
func rarity(s *Series) float64 { return s.series.Score.ReturnPeriod }

// Surprise returns how unusual the newest step is: by how many powers of ten its return period exceeds 5 minutes. It is
// NaN without a score, and +Inf outside of the data range.
func (s *Series) Surprise() float64 { return s.series.Score.Surprise() }

func (s *Series) label(name string) string { return s.Labels[name] }

// Entity returns those labels of a series that have the names, and a key of them; without names those of its workload.
func (s *Series) Entity(names []string) (labels map[string]string, key string) {
	if len(names) == 0 {
		return naming.Workload(s.label)
	}
	labels = map[string]string{}
	for _, name := range names {
		if value := s.Labels[name]; value != "" {
			labels[name] = value
			key += name + "\xff" + value + "\xff"
		}
	}
	return labels, key
}

// WorkloadName returns the value of the label that names a workload; that of any label if none does.
func WorkloadName(of map[string]string) string { return naming.WorkloadName(of) }

package alerting

import "github.com/anomaly-exporter/anomaly-exporter/detector/feedback"

const (
	day = 24 * 60 * 60 * 1000 // ms
	// recordedDays is how many days a record covers. Chosen: the four weeks over which docs/alerting.md measures alerts.
	recordedDays = 28
)

// daily are the outcomes of the days since the epoch, so that those that are too old can be forgotten.
type daily []dayOutcomes

type dayOutcomes struct {
	day int64
	feedback.Outcomes
}

// add adds the outcomes of a step (ms), and forgets those of days that are too old.
func (d *daily) add(step int64, o *feedback.Outcomes) {
	today := step / day
	for len(*d) > 0 && (*d)[0].day <= today-recordedDays {
		*d = (*d)[1:]
	}
	if o == nil {
		return
	}
	if n := len(*d); n == 0 || (*d)[n-1].day != today {
		*d = append(*d, dayOutcomes{day: today})
	}
	last := &(*d)[len(*d)-1]
	last.TruePositives += o.TruePositives
	last.FalsePositives += o.FalsePositives
	last.FalseNegatives += o.FalseNegatives
}

// record returns how right the alerts have been in the four weeks until a step (ms); nil: neither a truth nor people
// have told.
func (a *Tracker) record(step int64) *feedback.Record {
	first := (step/day - recordedDays + 1) * day
	r := &feedback.Record{Since: max(first, a.begun)}
	for i := range a.days {
		o := &a.days[i]
		r.True, r.False, r.Missed = r.True+o.TruePositives, r.False+o.FalsePositives, r.Missed+o.FalseNegatives
	}
	if a.grader == nil && r.True+r.False+r.Missed == 0 {
		return nil
	}
	for _, alert := range a.alerts {
		if alert.at >= r.Since && !*alert.decided {
			r.Undecided++
		}
	}
	return r
}

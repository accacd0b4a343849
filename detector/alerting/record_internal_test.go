package alerting

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/feedback"
)

func TestTracker_RecordsFourWeeks(t *testing.T) {
	a := New(300_000)
	a.begun = 100*day + 1
	at := int64(100*day + 300_000)
	require.Nil(t, a.record(at), "neither a truth nor people have told")
	a.days.add(at, &feedback.Outcomes{TruePositives: 1, FalsePositives: 2, FalseNegatives: 3})
	a.days.add(at+300_000, &feedback.Outcomes{TruePositives: 1})
	decided, pending := true, false
	a.alerts = []*remembered{{at: at, decided: &decided}, {at: at, decided: &pending}, {at: at + 5*day, decided: &pending}}
	want := &feedback.Record{Since: a.begun, True: 2, False: 2, Missed: 3, Undecided: 2}
	require.Equal(t, want, a.record(at+300_000))
	last := int64(127 * day)
	a.days.add(last, nil)
	want.Since = 100*day + 1
	require.Equal(t, want, a.record(last))
	last += day
	a.days.add(last, &feedback.Outcomes{FalsePositives: 1})
	require.Equal(t, &feedback.Record{Since: 101 * day, False: 1, Undecided: 1}, a.record(last))
}

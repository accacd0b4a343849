package detector

import (
	"testing"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

func TestManager_LetsThePredecessorPublishOneMoreStepIfItIsAhead(t *testing.T) {
	for _, tc := range []struct {
		name string
		step int64
		want []int64
	}{
		{"same step", 1000, []int64{2000, 3000, 4000}},
		{"another step", 2000, []int64{2000, 1000, 4000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var steps []int64
			m, err := New(Options{
				Engine:    &promql.Engine{},
				OnPublish: func(s *result.Snapshot) { steps = append(steps, s.Batches[0].Step) },
			})
			require.NoError(t, err)
			source := result.Source{Name: "x"}
			old := &slot{}
			old.plan.schedule.Step = 1000
			s := &slot{predecessor: old}
			s.plan.schedule.Step = tc.step
			m.slots[source] = s
			publish := func(s *slot, step int64) {
				m.publish(s, &result.Batch{Source: source, Step: step, Format: result.NewFormat(result.Format{})})
			}
			publish(old, 2000)
			publish(s, 1000)
			publish(old, 3000)
			publish(s, 4000)
			publish(old, 5000)
			require.Equal(t, tc.want, steps)
		})
	}
}

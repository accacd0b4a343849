package detector

import (
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"
)

// A task that took long to fit its models does not turn results back: the one before it goes on for a step, unless its clock was another.
func TestOvertaken(t *testing.T) {
	for _, tc := range []struct {
		name string
		step time.Duration
		want []int64
	}{
		{"same step", time.Second, []int64{2000, 3000, 4000}},
		{"another step", 2 * time.Second, []int64{2000, 1000, 4000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var times []int64
			m, err := New(Options{Engine: &promql.Engine{}, OnPublish: func(s *Snapshot) { times = append(times, s.Parts[0].Time) }})
			require.NoError(t, err)
			old := &runner{manager: m, key: "x"}
			old.identity.detector.Step = model.Duration(time.Second)
			r := &runner{manager: m, key: "x", replaces: old}
			r.identity.detector.Step = model.Duration(tc.step)
			m.runners["x"] = r
			m.publish(old, &Part{Time: 2000})
			m.publish(r, &Part{Time: 1000})
			m.publish(old, &Part{Time: 3000})
			m.publish(r, &Part{Time: 4000})
			m.publish(old, &Part{Time: 5000})
			require.Equal(t, tc.want, times)
		})
	}
}

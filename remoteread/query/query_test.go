package query_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/query"
)

// Every series that carries any of six external labels is in one part, and is stripped of the others. Of more labels,
// the number of parts stays the same, and those that carry a further one are in none.
func TestNew_PartsASelector(t *testing.T) {
	external := labels.NewBuilder(labels.EmptyLabels())
	for i := range 8 {
		external.Set(fmt.Sprintf("external%d", i), "x")
	}
	selector := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "job", "api")}
	q := query.New(selector, external.Labels(), 0, 1, nil)
	require.False(t, q.Shared)
	require.Len(t, q.Parts, 64)
	require.Len(t, q.Messages(), 64)
	for carried := range 1 << 8 {
		stored, want := labels.NewBuilder(labels.FromStrings("job", "api")), 1
		for i := range 8 {
			if carried>>i&1 == 1 {
				stored.Set(fmt.Sprintf("external%d", i), "x")
				if i >= 6 {
					want = 0
				}
			}
		}
		parts := 0
		for _, p := range q.Parts {
			if !selects(p.Matchers, stored.Labels()) {
				continue
			}
			parts++
			external.Labels().Range(func(l labels.Label) {
				require.NotEqual(t, stored.Get(l.Name), p.Strip.Get(l.Name), "added or carried")
			})
		}
		require.Equal(t, want, parts, stored.Labels())
	}
	none := query.New(selector, labels.EmptyLabels(), 0, 1, nil)
	require.Equal(t, []query.Part{{Matchers: selector}}, none.Parts)
}

func selects(matchers []*labels.Matcher, lset labels.Labels) bool {
	for _, m := range matchers {
		if !m.Matches(lset.Get(m.Name)) {
			return false
		}
	}
	return true
}

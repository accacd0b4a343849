package address_test

import (
	"net/url"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/web/view/address"
)

func TestOf_HasNoLabelThatWouldBeAParameter(t *testing.T) {
	of := map[string]string{"job": "api", "at": "the top", "range": "short", "offset": "7", "gone": "true"}
	path := address.Of("/series", "detector", "load", of)
	require.Equal(t, "/series?detector=load&job=api", path)

	parsed, err := url.Parse(path)
	require.NoError(t, err)
	var l result.Labels
	for name, value := range of {
		l = append(l, labels.Label{Name: name, Value: value})
	}
	b := &result.Batch{Source: result.Source{Name: "load"}, Series: []result.Series{{Labels: l}}}
	found, gone := address.Find(b, parsed.Query())
	require.Len(t, found, 1)
	require.Empty(t, gone)
}

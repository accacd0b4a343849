package remoteread_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// externalLabels are those that prometheusConfig sets.
var externalLabels = labels.FromStrings("cluster", "eu1", "replica", "a")

// newClient returns a client whose connections are closed at the end of the test.
func newClient(t *testing.T, o remoteread.Options) *remoteread.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{Transport: transport}
	} else if s, ok := o.HTTPClient.Transport.(*samplesOnly); ok {
		s.next = transport
	}
	client, err := remoteread.New(o)
	require.NoError(t, err)
	return client
}

// samplesOnly removes the accepted types from requests, so that the server answers with samples.
type samplesOnly struct {
	next    http.RoundTripper
	queries []*prompb.Query
}

func (s *samplesOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	compressed, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	message, err := snappy.Decode(nil, compressed)
	if err != nil {
		return nil, err
	}
	var read prompb.ReadRequest
	if err := read.Unmarshal(message); err != nil {
		return nil, err
	}
	s.queries = append(s.queries, read.Queries...)
	read.AcceptedResponseTypes = nil
	if message, err = read.Marshal(); err != nil {
		return nil, err
	}
	body := snappy.Encode(nil, message)
	req = req.Clone(req.Context())
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return s.next.RoundTrip(req)
}

// sample is a sample in a form that can be compared: all bits of a float, or the text of a histogram.
type sample struct {
	t     int64
	value string
}

func sampleAt(it chunkenc.Iterator, typ chunkenc.ValueType) sample {
	switch typ {
	case chunkenc.ValFloat:
		t, v := it.At()
		return sample{t, fmt.Sprintf("%x", math.Float64bits(v))}
	case chunkenc.ValHistogram:
		t, h := it.AtHistogram(nil)
		return sample{t, fmt.Sprintf("int %x %s", math.Float64bits(h.Sum), h)}
	default:
		t, fh := it.AtFloatHistogram(nil)
		return sample{t, fmt.Sprintf("float %x %s", math.Float64bits(fh.Sum), fh)}
	}
}

// readAll returns the samples that the matchers select, by the labels of their series.
func readAll(t *testing.T, q storage.Queryable, mint, maxt int64, matchers ...*labels.Matcher) map[string][]sample {
	t.Helper()
	querier, err := q.Querier(mint, maxt)
	require.NoError(t, err)
	defer querier.Close()
	all := map[string][]sample{}
	set := querier.Select(context.Background(), false, nil, matchers...)
	var it chunkenc.Iterator
	for set.Next() {
		it = set.At().Iterator(it)
		key := set.At().Labels().String()
		require.NotContains(t, all, key, "a series comes twice")
		all[key] = nil
		for typ := it.Next(); typ != chunkenc.ValNone; typ = it.Next() {
			all[key] = append(all[key], sampleAt(it, typ))
		}
		require.NoError(t, it.Err())
	}
	require.NoError(t, set.Err())
	return all
}

// requireSame compares series, and reports only the first difference.
func requireSame(t *testing.T, want, got map[string][]sample) {
	t.Helper()
	require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
	for lset, samples := range want {
		for i := range min(len(samples), len(got[lset])) {
			require.Equal(t, samples[i], got[lset][i], "sample %d of %s", i, lset)
		}
		require.Len(t, got[lset], len(samples), lset)
	}
}

func equals(name, v string) *labels.Matcher { return labels.MustNewMatcher(labels.MatchEqual, name, v) }

func metric(name string) *labels.Matcher { return equals(labels.MetricName, name) }

// everything selects all series that the tests wrote.
func everything() *labels.Matcher {
	return labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, "requests_total|gauge|latency.*|became_histogram")
}

func TestClient_ReturnsWhatWasWritten(t *testing.T) {
	client := newClient(t, remoteread.Options{URL: prometheusURL(t) + "/api/v1/read", ExternalLabels: externalLabels})
	all := readAll(t, client, dataTime-72*hour, headEnd, everything())
	require.Len(t, all, 10+4+4+1)
	counter := all[`{__name__="requests_total", code="200", pod="pod-0"}`]
	require.Len(t, counter, 72*60, "split frames are one series")
	for i, s := range counter {
		require.Equal(t, dataTime-72*hour+int64(i)*minute, s.t)
	}
	odd := all[`{__name__="gauge", kind="odd"}`]
	require.Len(t, odd, 240)
	require.Equal(t, sample{dataTime + 6*15_000 + 1, "7ff80000deadbeef"}, odd[6], "the payload of a NaN")
	require.Equal(t, sample{dataTime + 7*15_000 + 1, "7ff0000000000002"}, odd[7], "a stale marker")
	require.Contains(t, all[`{__name__="latency"}`][150].value, "int 7ff0000000000002", "a stale marker")
	mixed := all[`{__name__="became_histogram"}`]
	require.Len(t, mixed, 240)
	require.Regexp(t, "^int", mixed[100].value)
}

func TestClient_SampledEqualsStreamed(t *testing.T) {
	url := prometheusURL(t) + "/api/v1/read"
	for _, tc := range []struct {
		name       string
		mint, maxt int64
	}{
		{"everything", dataTime - 72*hour, headEnd},
		{"shorter than a part", dataTime, dataTime + 5*minute},
		{"to the millisecond", dataTime + 15_001, dataTime + 20*minute + 1},
		{"one instant", dataTime + 1, dataTime + 1},
		{"nothing", headEnd + hour, headEnd + 2*hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			transport := &samplesOnly{}
			sampled := newClient(t, remoteread.Options{URL: url, HTTPClient: &http.Client{Transport: transport}})
			streamed := newClient(t, remoteread.Options{URL: url})
			want := readAll(t, streamed, tc.mint, tc.maxt, everything())
			requireSame(t, want, readAll(t, sampled, tc.mint, tc.maxt, everything()))
			for _, samples := range want {
				for _, s := range samples {
					require.GreaterOrEqual(t, s.t, tc.mint)
					require.LessOrEqual(t, s.t, tc.maxt)
				}
			}
		})
	}
}

func TestClient_SplitsTheRangeIfServerSamples(t *testing.T) {
	transport := &samplesOnly{}
	client := newClient(t, remoteread.Options{
		URL:        prometheusURL(t) + "/api/v1/read",
		HTTPClient: &http.Client{Transport: transport},
	})
	mint, maxt := dataTime-24*hour, dataTime-1
	require.Len(t, readAll(t, client, mint, maxt, metric("requests_total")), 10)

	require.Equal(t, maxt, transport.queries[0].StartTimestampMs, "first a read that shows how the server answers")
	require.Equal(t, maxt, transport.queries[0].EndTimestampMs)
	next := mint
	for i, q := range transport.queries[1:] {
		require.Equal(t, next, q.StartTimestampMs, "parts neither overlap nor leave gaps")
		require.LessOrEqual(t, q.EndTimestampMs-q.StartTimestampMs+1, 10*minute<<(2*i), "they grow at most fourfold")
		next = q.EndTimestampMs + 1
	}
	require.Equal(t, maxt+1, next)
	require.Len(t, transport.queries, 1+5, "10, 40, 160, 640 minutes and the rest")
}

func TestClient_HalvesPartsThatAreTooLarge(t *testing.T) {
	transport := &samplesOnly{}
	client := newClient(t, remoteread.Options{
		URL:            prometheusURL(t) + "/api/v1/read",
		HTTPClient:     &http.Client{Transport: transport},
		ExternalLabels: externalLabels,
		MaxFrameBytes:  8 << 10, // about 480 samples
	})
	all := readAll(t, client, dataTime-12*hour, dataTime-1, metric("requests_total"))
	require.Len(t, all, 10)
	for _, samples := range all {
		require.Len(t, samples, 12*60)
	}
	require.Greater(t, len(transport.queries), 20)
}

func TestSelect_ReadsTheRangeOfTheHints(t *testing.T) {
	transport := &samplesOnly{}
	client := newClient(t, remoteread.Options{
		URL:        prometheusURL(t) + "/api/v1/read",
		HTTPClient: &http.Client{Transport: transport},
	})
	querier, err := client.Querier(dataTime, headEnd)
	require.NoError(t, err)
	defer querier.Close()
	hints := &storage.SelectHints{
		Start:    dataTime + 10*minute,
		End:      headEnd + hour,
		Step:     minute,
		Range:    5 * minute,
		Func:     "rate",
		Grouping: []string{"kind"},
		By:       true,
	}
	set := querier.Select(context.Background(), false, hints, metric("gauge"))
	require.Empty(t, transport.queries, "nothing is sent before the first Next")
	n := 0
	for set.Next() {
		it := set.At().Iterator(nil)
		require.NotEqual(t, chunkenc.ValNone, it.Next())
		require.GreaterOrEqual(t, it.AtT(), hints.Start)
		n++
	}
	require.NoError(t, set.Err())
	require.Equal(t, 4, n)
	require.Equal(t, dataTime+10*minute, transport.queries[0].StartTimestampMs)
	require.Equal(t, prompb.ReadHints{
		StartMs: dataTime + 10*minute, EndMs: transport.queries[0].EndTimestampMs, StepMs: minute, RangeMs: 5 * minute,
		Func: "rate", Grouping: []string{"kind"}, By: true,
	}, *transport.queries[0].Hints)
	require.Equal(t, headEnd, transport.queries[len(transport.queries)-1].EndTimestampMs)

	later := &storage.SelectHints{Start: headEnd + 1, End: headEnd + 2}
	empty := querier.Select(context.Background(), false, later, metric("gauge"))
	require.False(t, empty.Next())
	require.NoError(t, empty.Err())
}

func TestClient_StripsExternalLabelsUnlessSelected(t *testing.T) {
	url := prometheusURL(t) + "/api/v1/read"
	for _, tc := range []struct {
		name     string
		external labels.Labels
		matchers []*labels.Matcher
		want     []string
	}{
		{
			name: "without", matchers: []*labels.Matcher{metric("latency")},
			want: []string{`{__name__="latency", cluster="eu1", replica="a"}`},
		},
		{
			name: "stripped", external: externalLabels, matchers: []*labels.Matcher{metric("latency")},
			want: []string{`{__name__="latency"}`},
		},
		{
			name: "kept where the selector names it", external: externalLabels,
			matchers: []*labels.Matcher{metric("latency"), equals("cluster", "eu1")},
			want:     []string{`{__name__="latency", cluster="eu1"}`},
		},
		{
			name: "another one", external: labels.FromStrings("cluster", "us1"), matchers: []*labels.Matcher{metric("latency")},
			want: []string{`{__name__="latency", cluster="eu1", replica="a"}`},
		},
		{
			name: "a selector for another one", external: externalLabels,
			matchers: []*labels.Matcher{metric("latency"), equals("cluster", "us1")},
			want:     []string{},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, httpClient := range []*http.Client{nil, {Transport: &samplesOnly{}}} {
				client := newClient(t, remoteread.Options{URL: url, ExternalLabels: tc.external, HTTPClient: httpClient})
				got := []string{}
				for lset := range readAll(t, client, dataTime, headEnd, tc.matchers...) {
					got = append(got, lset)
				}
				require.Equal(t, tc.want, got)
			}
		})
	}
}

func TestSelect_SortsSeries(t *testing.T) {
	client := newClient(t, remoteread.Options{URL: prometheusURL(t) + "/api/v1/read", ExternalLabels: externalLabels})
	querier, err := client.Querier(dataTime-hour, headEnd)
	require.NoError(t, err)
	defer querier.Close()
	set := querier.Select(context.Background(), true, nil, everything())
	var last labels.Labels
	n := 0
	for ; set.Next(); n++ {
		require.Negative(t, labels.Compare(last, set.At().Labels()))
		last = set.At().Labels()
	}
	require.NoError(t, set.Err())
	require.Equal(t, 19, n)
}

func TestMetrics_CountReadsAndSurviveReloads(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	url := prometheusURL(t)
	withCredentials := "http://user:secret@" + url[len("http://"):] + "/api/v1/read?token=secret"
	metrics := remoteread.NewMetrics(reg)
	client := newClient(t, remoteread.Options{URL: withCredentials, Metrics: metrics})
	readAll(t, client, dataTime, headEnd, metric("gauge"))
	newClient(t, remoteread.Options{URL: withCredentials, Metrics: metrics}) // as after a reload

	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				if l.GetName() == "url" {
					require.Equal(t, url+"/api/v1/read", l.GetValue())
				} else {
					name += "/" + l.GetValue()
				}
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	const prefix = "anomaly_exporter_remote_read_"
	require.InDelta(t, 1, got[prefix+"requests_total/200"], 0)
	require.InDelta(t, 240*3+184, got[prefix+"samples_total"], 0)
	require.Greater(t, got[prefix+"bytes_total"], 1000.0)
	require.InDelta(t, 1, got[prefix+"request_duration_seconds"], 0)
	require.Contains(t, got, prefix+"errors_total/checksum")
	require.InDelta(t, 0, got[prefix+"in_flight"], 0)
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestNew_RejectsBadOptions(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options remoteread.Options
		want    string
	}{
		{"no URL", remoteread.Options{}, `remote read: URL "" does not begin with http:// or https:// and a host`},
		{
			"another scheme",
			remoteread.Options{URL: "ftp://u:p@h/x?token=s"},
			`remote read: URL "ftp://h/x" does not begin with http:// or https:// and a host`,
		},
		{"no URL at all", remoteread.Options{URL: "http://u:p@h:port/"}, "remote read: URL cannot be parsed"},
		{"negative", remoteread.Options{URL: "http://h/", Timeout: -time.Second}, "remote read: negative limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := remoteread.New(tc.options)
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestQuerier_RejectsLabelQueries(t *testing.T) {
	client := newClient(t, remoteread.Options{URL: "http://localhost:1/"})
	querier, err := client.Querier(0, 1)
	require.NoError(t, err)
	_, _, err = querier.LabelNames(context.Background(), nil)
	require.EqualError(t, err, "remote read does not support queries for label names or values")
	_, _, err = querier.LabelValues(context.Background(), "job", nil)
	require.EqualError(t, err, "remote read does not support queries for label names or values")
	require.NoError(t, querier.Close())
}

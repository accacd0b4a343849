package refusal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/refusal"
)

// The texts of Prometheus and Cortex are those of make test and make test-cortex, those of Mimir are from its sources.
func TestRefusal_KnowsWhatServersSay(t *testing.T) {
	const (
		limit    = "raise this limit of the server"
		tenant   = "name the tenant"
		endpoint = "is a prefix missing before /api/v1/read"
	)
	for _, tc := range []struct {
		status  int
		text    string
		shorter bool
		remedy  string // its beginning
	}{
		{400, "exceeded sample limit (50000000)", true, limit},
		{400, "the query hit the max number of chunks limit (limit: 10 chunks)", true, limit},
		{422, "the query exceeded the maximum number of chunks (limit: 10) (err-mimir-max-chunks-per-query)", true, limit},
		{422, "the query time range exceeds the limit (query length: 1h0m0s, limit: 1m0s)", true, limit},
		{500, "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5 vs. 4)", true, limit},
		{413, "response larger than the max (5 vs 4)", true, limit},
		{413, "", true, limit},
		{401, "no org id", false, tenant},
		{401, "who are you", false, "set basic_auth"},
		{403, "not you", false, "the user or token may not read"},
		{404, "404 page not found", false, endpoint},
		{405, "", false, endpoint},
		{429, "too many outstanding requests", false, "the server limits how much is asked of it"},
		{400, "parse error", false, ""},
		{500, "not now", false, ""},
		{503, "the query hit the roof", false, ""},
	} {
		require.Equal(t, tc.shorter, refusal.Shorter(tc.status, tc.text), "%d %s", tc.status, tc.text)
		remedy := refusal.Remedy(tc.status, "http://cortex/api/v1/read", tc.text)
		require.Contains(t, remedy, tc.remedy, "%d %s", tc.status, tc.text)
		require.Equal(t, tc.remedy == "", remedy == "", "%d %s: %s", tc.status, tc.text, remedy)
	}
	require.Equal(t, "is /api/v1/read missing at the end of the URL?", refusal.Remedy(404, "http://cortex/", ""))
}

func TestWords_AreThoseOfAnAPIError(t *testing.T) {
	require.Equal(t, "too many outstanding requests", string(refusal.Words(
		[]byte(`{"status":"error","errorType":"server_error","error":"too many outstanding requests"}`))))
	for _, other := range []string{"no org id", `{"error":`, `{"error":""}`, `"error"`, ""} {
		require.Equal(t, other, string(refusal.Words([]byte(other))))
	}
}

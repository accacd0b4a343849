// Package refusal explains answers that refuse a read: what somebody may do about them, and whether a shorter range of
// time may be answered. Prometheus, Cortex and Mimir say much of it only in words.
package refusal

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// perQuery are the words of limits on what one query may read. Cortex answers with 400 or 422, Mimir with 422, and
// Prometheus with 400. A shorter range has fewer chunks and samples, and fewer series if these come and go.
var perQuery = []string{
	"sample limit",         // Prometheus: --storage.remote.read-sample-limit
	"the query hit the",    // Cortex: max_fetched_*_per_query
	"the query exceeded",   // Mimir: the same
	"the estimated number", // Mimir: max_estimated_*
	"time range exceeds",   // Cortex and Mimir: max_query_length, max_partial_query_length
	"larger than max",      // gRPC between the parts of Cortex and Mimir
	"larger than the max",
	"exceeded series limit", // Cortex' store-gateway
	"exceeded chunks limit",
	"exceeded bytes limit",
}

func overLimit(status int, text string) bool {
	return (status/100 == 4 || status == http.StatusInternalServerError) &&
		slices.ContainsFunc(perQuery, func(words string) bool { return strings.Contains(text, words) })
}

// Shorter reports whether a shorter range of time may be answered.
func Shorter(status int, text string) bool {
	return status == http.StatusRequestEntityTooLarge || overLimit(status, text)
}

// Words returns what an answer says: the error of one in the format of Prometheus' API, else the answer.
func Words(answer []byte) []byte {
	var apiError struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(answer, &apiError) == nil && apiError.Error != "" {
		return []byte(apiError.Error)
	}
	return answer
}

// Endpoint returns what somebody may do about a URL that is not one for remote-read.
func Endpoint(url string) string {
	if strings.HasSuffix(url, "/api/v1/read") {
		return "is a prefix missing before /api/v1/read, such as /prometheus?"
	}
	return "is /api/v1/read missing at the end of the URL?"
}

// Remedy returns what somebody may do about an answer with this status and text, "" if nothing is known. Keys are those
// of an entry of remote_read.
func Remedy(status int, url, text string) string {
	switch {
	case strings.Contains(text, "no org id"):
		return "name the tenant: http_headers: {X-Scope-OrgID: {values: [TENANT]}}"
	case Shorter(status, text):
		return "raise this limit of the server, for this tenant if it has tenants, or let the expression select less"
	case status == http.StatusTooManyRequests:
		return "the server limits how much is asked of it: lower --query.max-concurrency, or raise its limit " +
			"(Cortex: max_outstanding_requests_per_tenant)"
	case status == http.StatusUnauthorized || status == http.StatusProxyAuthRequired:
		return "set basic_auth, authorization or oauth2 of this entry, or correct what they have"
	case status == http.StatusForbidden:
		return "the user or token may not read; Mimir also wants the header X-Scope-OrgID in http_headers"
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return Endpoint(url)
	}
	return ""
}

// RetryAfter parses a Retry-After header: seconds or an HTTP date (RFC 9110, section 10.2.3). Anything else is 0.
func RetryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(min(max(seconds, 0), 1e6)) * time.Second // 1e6 guards against overflow
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}

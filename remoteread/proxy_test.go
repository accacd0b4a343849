package remoteread_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// Traefik, Caddy, oauth2-proxy and kube-rbac-proxy are made of it. With bodies of a given length, it cut 23 to 86 of
// 2,000 answers of a Prometheus; with chunked ones none. How often is a matter of luck, so this looks at the request.
func TestClient_SendsWhatAReverseProxyOfGoCanPassOn(t *testing.T) {
	frame := seriesFrame(t, "a", xorChunk(t, 1000))
	target, err := url.Parse(serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength >= 0 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", streamedType)
		w.Write(frame)
	}))
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy.Transport = transport
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	series, set := read(context.Background(), newClient(t, remoteread.Options{URL: server.URL + target.Path}))
	require.NoError(t, set.Err())
	require.Equal(t, 1, series)
}

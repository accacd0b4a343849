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

// Some proxies want to know how long a body is. They say so once.
func TestClient_SendsTheLengthToWhoWantsIt(t *testing.T) {
	for _, tc := range []struct {
		name     string
		always   bool // it refuses whatever it gets
		requests []string
	}{
		{"without a length", false, []string{"chunked", "length", "length"}},
		{"always", true, []string{"chunked", "length", "length"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			frame := seriesFrame(t, "a", xorChunk(t, 1000))
			var requests []string
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent := "length"
				if r.ContentLength < 0 {
					sent = "chunked"
				}
				requests = append(requests, sent)
				if tc.always || r.ContentLength < 0 {
					w.WriteHeader(http.StatusLengthRequired)
					return
				}
				w.Header().Set("Content-Type", streamedType)
				w.Write(frame)
			})
			client := newClient(t, remoteread.Options{URL: url})
			for range 2 {
				series, set := read(context.Background(), client)
				if tc.always {
					require.ErrorContains(t, set.Err(), "server answered 411 Length Required")
				} else {
					require.NoError(t, set.Err())
					require.Equal(t, 1, series)
				}
			}
			require.Equal(t, tc.requests, requests)
		})
	}
}

func TestClient_SaysThatTheConnectionWasClosedBeforeAnAnswer(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, set := read(context.Background(), newClient(t, remoteread.Options{URL: url, MaxRetries: -1}))
	require.EqualError(t, set.Err(), "remote read "+url+": the connection was closed before an answer: EOF")
}

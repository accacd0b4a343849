package remoteread_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/prompb"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

const undelimited = " answer with neither Content-Length nor chunked transfer encoding: nothing would show that it " +
	"was cut. If a proxy is in between, let it speak HTTP/1.1 to both sides (nginx: proxy_http_version 1.1)"

// listen answers the connections of a listener with serve until the test ends, and returns the URL.
func listen(t *testing.T, l net.Listener, scheme string, serve func(net.Conn)) string {
	t.Helper()
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return scheme + "://" + l.Addr().String() + "/api/v1/read"
}

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func requireUndelimited(t *testing.T, set interface{ Err() error }, proto string) {
	t.Helper()
	e, ok := errors.AsType[*remoteread.Error](set.Err())
	require.True(t, ok, "%v", set.Err())
	require.Equal(t, "undelimited", e.Reason)
	require.False(t, e.Temporary())
	require.EqualError(t, e, "remote read "+e.URL+": "+proto+undelimited)
}

// An answer that the end of its connection ends looks complete if it is cut between two frames.
func TestClient_RejectsAnswersThatOnlyTheConnectionEnds(t *testing.T) {
	sampled, err := (&prompb.ReadResponse{Results: []*prompb.QueryResult{{}}}).Marshal()
	require.NoError(t, err)
	for _, tc := range []struct {
		name, contentType string
		body              []byte
	}{
		{"streamed", streamedType, seriesFrame(t, "a", xorChunk(t, 1000, 2000))},
		{"streamed without series", streamedType, nil},
		{"sampled", "application/x-protobuf", snappy.Encode(nil, sampled)},
	} {
		for _, proto := range []string{"HTTP/1.0", "HTTP/1.1"} {
			for _, scheme := range []string{"http", "https"} {
				t.Run(tc.name+" "+proto+" "+scheme, func(t *testing.T) {
					l, client := listenLocal(t), http.Client{}
					if scheme == "https" {
						server := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
						t.Cleanup(server.Close)
						l, client = tls.NewListener(l, server.TLS), *server.Client()
						t.Cleanup(client.CloseIdleConnections)
					}
					url := listen(t, l, scheme, func(conn net.Conn) { // Close of a TLS connection sends close_notify
						if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
							io.Copy(io.Discard, r.Body)
							io.WriteString(conn, proto+" 200 OK\r\nConnection: close\r\nContent-Type: "+tc.contentType+"\r\n\r\n")
							conn.Write(tc.body)
						}
					})
					series, set := read(context.Background(), newClient(t, remoteread.Options{URL: url, HTTPClient: &client}))
					require.Zero(t, series)
					requireUndelimited(t, set, proto)
				})
			}
		}
	}
}

// A status other than 2xx says by itself that there is no answer.
func TestClient_ReadsErrorsThatOnlyTheConnectionEnds(t *testing.T) {
	url := listen(t, listenLocal(t), "http", func(conn net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			io.Copy(io.Discard, r.Body)
			io.WriteString(conn, "HTTP/1.0 400 Bad Request\r\n\r\nparse error")
		}
	})
	_, set := read(context.Background(), newClient(t, remoteread.Options{URL: url}))
	require.ErrorContains(t, set.Err(), "server answered 400 Bad Request: parse error")
}

// Prometheus itself answers a proxy that speaks HTTP/1.0 without length and chunks.
func TestClient_RejectsPrometheusBehindAProxyOfHTTP10(t *testing.T) {
	backend := strings.TrimPrefix(prometheusURL(t), "http://")
	url := listen(t, listenLocal(t), "http", func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body) // HTTP/1.0 has no chunks
		if err != nil {
			return
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		var request bytes.Buffer
		r.Header.Set("Connection", "close")
		if r.Write(&request) != nil {
			return
		}
		server, err := net.Dial("tcp", backend)
		if err != nil {
			return
		}
		defer server.Close()
		server.Write(bytes.Replace(request.Bytes(), []byte("HTTP/1.1"), []byte("HTTP/1.0"), 1))
		io.Copy(conn, server)
	})
	querier, err := newClient(t, remoteread.Options{URL: url, Timeout: 10 * time.Second}).Querier(dataTime-hour, dataTime)
	require.NoError(t, err)
	defer querier.Close()
	set := querier.Select(context.Background(), false, nil, metric("requests_total"))
	require.False(t, set.Next())
	requireUndelimited(t, set, "HTTP/1.0")
}

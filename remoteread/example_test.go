package remoteread_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread"
)

// A Client is a storage.Queryable, so the PromQL engine evaluates queries over the history of a remote server.
func ExampleClient() {
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	server := httptest.NewServer(streamOf(
		counter("checkout", start, 10), // adds 10 each minute
		counter("search", start, 25),
	))
	defer server.Close()

	httpClient := &http.Client{Transport: &http.Transport{}}
	defer httpClient.CloseIdleConnections()
	client, err := remoteread.New(remoteread.Options{URL: server.URL + "/api/v1/read", HTTPClient: httpClient})
	if err != nil {
		fmt.Println(err)
		return
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{}),
	})
	const expr = `sum by (service) (increase(requests_total[10m]))`
	query, err := engine.NewInstantQuery(context.Background(), client, nil, expr, start.Add(30*time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer query.Close()
	fmt.Println(query.Exec(context.Background()))

	// Output:
	// {service="checkout"} => 100 @[1772454600000]
	// {service="search"} => 250 @[1772454600000]
}

// counter is a series of an hour of minutes.
func counter(service string, start time.Time, perMinute float64) *prompb.ChunkedSeries {
	chunk := chunkenc.NewXORChunk()
	appender, err := chunk.Appender()
	if err != nil {
		panic(err)
	}
	for i := range 60 {
		appender.Append(0, start.Add(time.Duration(i)*time.Minute).UnixMilli(), float64(i)*perMinute)
	}
	return &prompb.ChunkedSeries{
		Labels: []prompb.Label{{Name: "__name__", Value: "requests_total"}, {Name: "service", Value: service}},
		Chunks: []prompb.Chunk{{
			Type:      prompb.Chunk_XOR,
			MinTimeMs: start.UnixMilli(),
			MaxTimeMs: start.Add(59 * time.Minute).UnixMilli(),
			Data:      chunk.Bytes(),
		}},
	}
}

// streamOf answers every read with the series, a frame for each, as Prometheus does.
func streamOf(all ...*prompb.ChunkedSeries) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse")
		for _, series := range all {
			response := prompb.ChunkedReadResponse{ChunkedSeries: []*prompb.ChunkedSeries{series}}
			message, err := response.Marshal()
			if err != nil {
				panic(err)
			}
			frame := binary.AppendUvarint(nil, uint64(len(message)))
			frame = binary.BigEndian.AppendUint32(frame, crc32.Checksum(message, crc32.MakeTable(crc32.Castagnoli)))
			if _, err := w.Write(append(frame, message...)); err != nil {
				panic(err)
			}
		}
	})
}

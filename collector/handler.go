package collector

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-kit/log/level"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// gzipHeader starts a gzip member without a name or a time (RFC 1952, section 2.3): deflate, no flags, fastest, unknown
// system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255}

// ServeHTTP answers a scrape in the text format or OpenMetrics, as the scraper prefers, and compresses the answer if
// the scraper accepts gzip.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := negotiate(r.Header)
	newest := c.newest()
	results := newest.ascii
	if format.ToEscapingScheme() == model.NoEscaping {
		results = newest.utf8
	}
	self := c.self(format)

	w.Header().Set("Content-Type", string(format))
	if !acceptsGzip(r.Header) {
		w.Header().Set("Content-Length", strconv.Itoa(results.plain+len(self)))
		// The results are no complete deflate stream: reading on would fail.
		if _, err := io.CopyN(w, flate.NewReader(results.reader()), int64(results.plain)); err != nil {
			return
		}
		_, _ = w.Write(self)
		return
	}

	// The answer is one gzip member: the prepared blocks of the results, the exporter's own metrics as the last block,
	// and then the checksum and length of the whole.
	end := c.deflate(self)
	end = binary.LittleEndian.AppendUint32(end, crc32.Update(results.crc, crc32.IEEETable, self))
	end = binary.LittleEndian.AppendUint32(end, uint32(results.plain+len(self)))
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Length", strconv.Itoa(len(gzipHeader)+results.deflated+len(end)))
	if _, err := w.Write(gzipHeader); err != nil {
		return
	}
	if _, err := io.Copy(w, results.reader()); err != nil {
		return
	}
	_, _ = w.Write(end)
}

// negotiate returns the format of the answer. Protobuf is not offered. A scraper that accepts UTF-8 gets label names as
// they are, any other gets underscored ones.
func negotiate(h http.Header) expfmt.Format {
	format := expfmt.NegotiateAccept(h, expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, expfmt.FmtText)
	if format.ToEscapingScheme() != model.NoEscaping {
		format = format.WithEscapingScheme(model.UnderscoreEscaping)
	}
	return format
}

// acceptsGzip reports whether the Accept-Encoding header allows gzip (RFC 9110, section 12.5.3).
func acceptsGzip(h http.Header) bool {
	for _, value := range h.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(value, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, weighted := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			f, err := strconv.ParseFloat(q, 64)
			return !weighted || err != nil || f > 0
		}
	}
	return false
}

// self returns the exporter's own metrics and the end of the exposition. If some metrics cannot be gathered, it returns
// the rest.
func (c *Collector) self(format expfmt.Format) []byte {
	var buf bytes.Buffer
	families, err := c.gatherer.Gather()
	if err != nil {
		level.Error(c.logger).Log("msg", "Own metrics are incomplete", "err", err)
	}
	enc := expfmt.NewEncoder(&buf, format)
	for _, family := range families {
		whole := buf.Len()
		if err := enc.Encode(family); err != nil {
			buf.Truncate(whole)
			level.Error(c.logger).Log("msg", "Own metric cannot be written", "metric", family.GetName(), "err", err)
		}
	}
	if closer, ok := enc.(expfmt.Closer); ok {
		_ = closer.Close() // writes to a bytes.Buffer, which does not fail
	}
	return buf.Bytes()
}

// deflate returns text as the final blocks of a deflate stream.
func (c *Collector) deflate(text []byte) []byte {
	var buf bytes.Buffer
	d := c.deflaters.Get().(*flate.Writer)
	defer c.deflaters.Put(d)
	d.Reset(&buf)
	// Writes to a bytes.Buffer do not fail.
	_, _ = d.Write(text)
	_ = d.Close()
	return buf.Bytes()
}

package shop

import (
	"bufio"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// Expose writes the metrics at a time in the text format of Prometheus.
func (s *Shop) Expose(w io.Writer, t time.Time) error {
	b := bufio.NewWriter(w)
	var last *family
	for _, one := range s.series {
		v, ok := one.At(t)
		if !ok {
			continue
		}
		if one.family != last {
			last = one.family
			b.WriteString("# HELP " + last.name + " " + last.help + "\n# TYPE " + last.name + " " + last.kind + "\n")
		}
		writeSample(b, one.Labels, v)
	}
	return b.Flush()
}

// writeSample writes a sample. It quotes values as Go does, which is enough for the plain words that the shop uses.
func writeSample(b *bufio.Writer, lset labels.Labels, v float64) {
	b.WriteString(lset.Get(labels.MetricName))
	sep := byte('{')
	lset.Range(func(l labels.Label) {
		if l.Name == labels.MetricName {
			return
		}
		b.WriteByte(sep)
		b.WriteString(l.Name + "=" + strconv.Quote(l.Value))
		sep = ','
	})
	b.WriteString("} ")
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		b.WriteString(strconv.FormatInt(int64(v), 10))
	} else {
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	}
	b.WriteByte('\n')
}

// ServeHTTP serves the current metrics.
func (s *Shop) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_ = s.Expose(w, time.Now()) // it only fails if the client has gone
}

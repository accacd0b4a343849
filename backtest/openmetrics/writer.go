// Package openmetrics writes the results of a replay, and the metrics about their quality, as OpenMetrics text.
package openmetrics

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// Writer writes to a file, or to a directory with a file for each detector and scaler. Until the results of a file are
// complete, they are compressed in a temporary file next to it.
type Writer struct {
	path      string
	directory bool
	store     *resultStore // of the current file

	// Of the current detector or scaler.
	source  result.Source
	metrics *qualityMetrics
	series  map[uint64]*inputSeries // by ID
	dropped int                     // results that could not be stored
}

// New returns a Writer to a file. If path is an existing directory, or ends with a slash, each detector and scaler gets
// a file in it.
func New(path string) (*Writer, error) {
	w := &Writer{path: path}
	if strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(filepath.Separator)) {
		if err := os.MkdirAll(path, 0o777); err != nil {
			return nil, err
		}
	}
	info, err := os.Stat(path)
	w.directory = err == nil && info.IsDir()
	if !w.directory {
		w.store, err = newResultStore(storeDirectory(path, info))
		return w, err
	}
	return w, nil
}

// storeDirectory returns the directory of the temporary file: that of the output file, which needs space for more, or
// the system's temporary directory if the output is a pipe.
func storeDirectory(path string, info os.FileInfo) string {
	if info != nil && !info.Mode().IsRegular() {
		return os.TempDir()
	}
	return filepath.Dir(path)
}

// Begin says that what is added from now on are results of a detector or scaler. compared reports whether its alerts
// are compared with a truth.
func (w *Writer) Begin(of result.Source, compared bool) (err error) {
	if w.directory {
		if w.store, err = newResultStore(w.path); err != nil {
			return err
		}
	}
	w.source, w.metrics = of, newQualityMetrics(of, compared)
	w.series, w.dropped = map[uint64]*inputSeries{}, 0
	return nil
}

// End writes the file of the detector or scaler, if it has its own. It returns how many of its results were dropped,
// because their labels were invalid, or those of another result of the step.
func (w *Writer) End() (dropped int, err error) {
	if !w.directory {
		return w.dropped, nil
	}
	defer w.Close()
	return w.dropped, w.store.writeFile(filepath.Join(w.path, w.source.Kind()+"-"+w.source.Name+".om"))
}

// Finish writes the common file, if there is one.
func (w *Writer) Finish() error {
	if w.directory {
		return nil
	}
	return w.store.writeFile(w.path)
}

// Close removes the temporary file.
func (w *Writer) Close() {
	if w.store != nil {
		w.store.close()
		w.store = nil
	}
}

// inputSeries holds the buffers of a series that has results.
type inputSeries struct {
	results [result.NumFamilies]resultSeries
}

// Add adds the results of a step.
func (w *Writer) Add(b *result.Batch) (err error) {
	for f := range result.NumFamilies {
		family := w.store.families[f]
		b.Flatten(f, 0, func(s result.Sample) bool {
			buffer := w.input(b.Series[s.Series].ID).results[f].buffer(family, &s)
			if buffer == nil || buffer.last == b.Step {
				w.dropped++
				return true
			}
			err = w.store.append(buffer, b.Step, s.Value)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return w.metrics.record(w.store, b)
}

// input returns the buffers of a series.
func (w *Writer) input(id uint64) *inputSeries {
	known := w.series[id]
	if known == nil {
		known = &inputSeries{}
		w.series[id] = known
	}
	return known
}

// resultSeries holds the buffers of one family for an input series, one for each set of extra labels.
type resultSeries struct {
	all  []addedLabels
	next int // index in all after the newest result; the order is nearly the same at every step
}

type addedLabels struct {
	labels []labels.Label
	buffer *seriesBuffer // nil: no server accepts the labels
}

// buffer returns the buffer for a result; nil if it cannot be stored.
func (r *resultSeries) buffer(family *familyBuffers, s *result.Sample) *seriesBuffer {
	for range r.all {
		r.next %= len(r.all)
		known := &r.all[r.next]
		r.next++
		if slices.Equal(known.labels, s.Extra) {
			return known.buffer
		}
	}
	added := addedLabels{labels: slices.Clone(s.Extra)}
	if name, ok := render(family.name, s.Labels.With(nil, s.Extra)); ok {
		added.buffer = family.buffer(name)
	}
	r.all = append(r.all, added)
	return added.buffer
}

func (s *resultStore) writeFile(path string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 1<<20)
	return errors.Join(s.write(w), w.Flush(), file.Close())
}

// write writes everything, family by family and series by series.
func (s *resultStore) write(w *bufio.Writer) error {
	var line []byte
	for _, f := range s.families {
		if len(f.buffers) == 0 {
			continue
		}
		help := result.AppendEscaped(nil, f.help)
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", f.name, help, f.name, f.kind)
		for _, c := range f.buffers {
			err := s.each(c, func(at int64, v float64) error {
				line = append(append(line[:0], c.series...), ' ')
				line = append(strconv.AppendFloat(line, v, 'g', -1, 64), ' ')
				line = append(appendSeconds(line, at), '\n')
				_, err := w.Write(line)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(w, "# EOF\n")
	return err
}

// appendSeconds appends a time in milliseconds as seconds.
func appendSeconds(dst []byte, ms int64) []byte {
	if ms%1000 == 0 {
		return strconv.AppendInt(dst, ms/1000, 10)
	}
	return strconv.AppendFloat(dst, float64(ms)/1000, 'f', 3, 64)
}

// render returns name{labels}; ok is false for labels that no server accepts. It omits labels with an empty value: on
// /metrics they keep the scrape from adding the exporter's own, but a server stores none.
func render(name string, ls result.Labels) (_ string, ok bool) {
	b := []byte(name)
	separator := byte('{')
	for i, l := range ls {
		valid := model.UTF8Validation.IsValidLabelName(l.Name) && l.Name != model.MetricNameLabel
		if !valid || i > 0 && l.Name == ls[i-1].Name {
			return "", false
		}
		if l.Value == "" {
			continue
		}
		b = append(b, separator)
		separator = ','
		if model.LegacyValidation.IsValidLabelName(l.Name) {
			b = append(b, l.Name...)
		} else {
			b = append(result.AppendEscaped(append(b, '"'), l.Name), '"')
		}
		b = append(result.AppendEscaped(append(b, '=', '"'), l.Value), '"')
	}
	if separator == ',' {
		b = append(b, '}')
	}
	return string(b), true
}

package backtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
)

// output writes the results as OpenMetrics text, to a file or to a directory with a file for each detector and scaler.
type output struct {
	path      string // empty: nothing is written
	directory bool
	store     *resultStore // of the current file
}

func newOutput(path string) (*output, error) {
	o := &output{path: path}
	if path == "" {
		return o, nil
	}
	if strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(filepath.Separator)) {
		if err := os.MkdirAll(path, 0o777); err != nil {
			return nil, err
		}
	}
	info, err := os.Stat(path)
	o.directory = err == nil && info.IsDir()
	if !o.directory {
		o.store, err = newResultStore(storeDirectory(path, info))
		return o, err
	}
	return o, nil
}

// storeDirectory returns the directory of the temporary file: that of the output file, which needs space for more, or
// the system's temporary directory if the output is a pipe.
func storeDirectory(path string, info os.FileInfo) string {
	if info != nil && !info.Mode().IsRegular() {
		return os.TempDir()
	}
	return filepath.Dir(path)
}

// begin returns the store for the results of the next detector or scaler; nil: they are not stored.
func (o *output) begin() (*resultStore, error) {
	if !o.directory {
		return o.store, nil
	}
	var err error
	o.store, err = newResultStore(o.path)
	return o.store, err
}

// end writes the file of a detector or scaler, if it has its own.
func (o *output) end(of result.Source) error {
	if !o.directory {
		return nil
	}
	defer o.close()
	return o.store.writeFile(filepath.Join(o.path, of.Kind()+"-"+of.Name+".om"))
}

// finish writes the common file, if there is one.
func (o *output) finish() error {
	if o.path == "" || o.directory {
		return nil
	}
	return o.store.writeFile(o.path)
}

func (o *output) close() {
	if o.store != nil {
		o.store.close()
		o.store = nil
	}
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

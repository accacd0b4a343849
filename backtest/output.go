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

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// output writes the results as OpenMetrics text: a file, or a directory with a file for each task.
type output struct {
	path      string // empty: nothing is written
	directory bool
	spool     *spool // of the file that is being filled
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
		o.spool, err = newSpool(spoolDirectory(path, info))
		return o, err
	}
	return o, nil
}

// spoolDirectory is where the temporary file lies: beside the file, where there must be room for more, unless that is a pipe.
func spoolDirectory(path string, info os.FileInfo) string {
	if info != nil && !info.Mode().IsRegular() {
		return os.TempDir()
	}
	return filepath.Dir(path)
}

// begin returns where the results of the next task go, nil for nowhere.
func (o *output) begin() (*spool, error) {
	if !o.directory {
		return o.spool, nil
	}
	var err error
	o.spool, err = newSpool(o.path)
	return o.spool, err
}

// end writes the file of a task, if it has one of its own.
func (o *output) end(t *task) error {
	if !o.directory {
		return nil
	}
	defer o.close()
	return o.spool.writeFile(filepath.Join(o.path, t.kind()+"-"+t.name+".om"))
}

// finish writes the file of all tasks, if there is one.
func (o *output) finish() error {
	if o.path == "" || o.directory {
		return nil
	}
	return o.spool.writeFile(o.path)
}

func (o *output) close() {
	if o.spool != nil {
		o.spool.close()
		o.spool = nil
	}
}

func (s *spool) writeFile(path string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 1<<20)
	return errors.Join(s.write(w), w.Flush(), file.Close())
}

// write writes everything, family by family and series by series.
func (s *spool) write(w *bufio.Writer) error {
	var line []byte
	for _, f := range s.families {
		if len(f.columns) == 0 {
			continue
		}
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", f.name, detector.AppendEscaped(nil, f.help), f.name, f.kind)
		for _, c := range f.columns {
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

// appendSeconds writes milliseconds as seconds.
func appendSeconds(dst []byte, ms int64) []byte {
	if ms%1000 == 0 {
		return strconv.AppendInt(dst, ms/1000, 10)
	}
	return strconv.AppendFloat(dst, float64(ms)/1000, 'f', 3, 64)
}

// render writes name{labels}; ok is false for labels that no server takes. A label with an empty value, which on /metrics keeps the scrape from putting
// the exporter's own there, is left out: the server stores none.
func render(name string, ls detector.Labels) (_ string, ok bool) {
	b := []byte(name)
	separator := byte('{')
	for i, l := range ls {
		if !model.UTF8Validation.IsValidLabelName(l.Name) || l.Name == model.MetricNameLabel || i > 0 && l.Name == ls[i-1].Name {
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
			b = append(detector.AppendEscaped(append(b, '"'), l.Name), '"')
		}
		b = append(detector.AppendEscaped(append(b, '=', '"'), l.Value), '"')
	}
	if separator == ',' {
		b = append(b, '}')
	}
	return string(b), true
}

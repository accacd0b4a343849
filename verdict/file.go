package verdict

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const (
	// MaxSize is the largest size of a file in bytes. Guard: some five thousand verdicts.
	MaxSize = 1 << 20
	// pollInterval is how often a file is looked at for changes. Chosen, not tuned.
	pollInterval = 15 * time.Second
	// maxLogged is how many lines that are no verdicts are logged at a time. Guard.
	maxLogged = 10
)

// ErrFull says that a file has no room for another verdict.
var ErrFull = fmt.Errorf("the file would exceed %d bytes: remove what no history reaches any more", MaxSize)

// Options of a File. Path is required.
type Options struct {
	Path       string
	Logger     log.Logger            // nil: nothing is logged
	Registerer prometheus.Registerer // nil: no metrics
	// OnChange is called with the verdicts in force when they have changed, one call at a time; nil: no callback.
	OnChange func(*Set)
}

// File is a file of verdicts. It is safe for concurrent use, and other processes may change the file.
type File struct {
	o          Options
	given      *prometheus.GaugeVec
	invalid    prometheus.Gauge
	successful prometheus.Gauge

	current atomic.Pointer[Set]

	mu   sync.Mutex // held while the file is read or written; guards what follows
	text string     // that was read last
}

// NewFile returns a File without verdicts. Load reads it.
func NewFile(o Options) *File {
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.OnChange == nil {
		o.OnChange = func(*Set) {}
	}
	f := promauto.With(o.Registerer)
	gauge := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Namespace: "anomaly_exporter", Subsystem: "feedback", Name: name, Help: help}
	}
	file := &File{
		o:     o,
		given: f.NewGaugeVec(gauge("verdicts", "Verdicts in force, by what they say."), []string{"verdict"}),
		invalid: f.NewGauge(gauge(
			"invalid_lines", "Lines of the feedback file that are skipped because they are no verdicts.",
		)),
		successful: f.NewGauge(gauge(
			"last_reload_successful", "Whether the last attempt to read the feedback file succeeded (1) or failed (0).",
		)),
	}
	file.put(&Set{})
	return file
}

// Set returns the verdicts in force. It never blocks.
func (f *File) Set() *Set { return f.current.Load() }

// Load reads the file again. A file that does not exist has no verdicts. After an error the verdicts stay as they were.
func (f *File) Load() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load()
}

func (f *File) load() error {
	text, err := read(f.o.Path)
	if err != nil {
		f.successful.Set(0)
		return fmt.Errorf("feedback file: %w", err)
	}
	f.successful.Set(1)
	if text == f.text {
		return nil
	}
	s := Parse(text)
	f.text = text
	f.put(s)
	for i, err := range s.Invalid {
		if i == maxLogged {
			level.Warn(f.o.Logger).Log("msg", "More lines of the feedback file are skipped",
				"file", f.o.Path, "lines", len(s.Invalid)-maxLogged)
			break
		}
		level.Warn(f.o.Logger).Log("msg", "Line of the feedback file is skipped",
			"file", f.o.Path, "line", err.Line, "err", err.Err)
	}
	level.Info(f.o.Logger).Log("msg", "Feedback loaded", "file", f.o.Path, "verdicts", len(s.All()))
	f.o.OnChange(s)
	return nil
}

// put makes a Set the one in force.
func (f *File) put(s *Set) {
	f.current.Store(s)
	count := map[Kind]int{Confirmed: 0, Rejected: 0}
	for _, v := range s.All() {
		count[v.Kind]++
	}
	for kind, n := range count {
		f.given.WithLabelValues(string(kind)).Set(float64(n))
	}
	f.invalid.Set(float64(len(s.Invalid)))
}

func read(path string) (string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err == nil && len(text) > MaxSize {
		err = fmt.Errorf("%s: larger than %d bytes", path, MaxSize)
	}
	return string(text), err
}

// Run reads the file whenever it has changed, until ctx ends.
func (f *File) Run(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			err := f.Load()
			if err != nil && !failed {
				level.Error(f.o.Logger).Log("msg", "Cannot read feedback, earlier verdicts stay in force", "err", err)
			}
			failed = err != nil
		}
	}
}

// Append writes a verdict to the end of the file, and to stable storage, and puts it in force. A last line without its
// end, which a crash may have left, is ended first.
func (f *File) Append(v Verdict) error {
	if err := v.Check(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := write(f.o.Path, v.Line()+"\n"); err != nil {
		return fmt.Errorf("feedback file: %w", err)
	}
	return f.load()
}

func write(path, line string) (err error) {
	_, err = os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if n := info.Size(); n > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, n-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = "\n" + line
		}
	}
	if info.Size()+int64(len(line)) > MaxSize {
		return fmt.Errorf("%s: %w", path, ErrFull)
	}
	if _, err := file.WriteString(line); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if fresh {
		return syncDir(filepath.Dir(path))
	}
	return nil
}

// syncDir makes the name of a new file survive a crash of the machine.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Package limit counts what the answer of a server costs, and refuses what is too much before memory is allocated for
// it.
package limit

import (
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
)

// What is refused. Errors wrap one of them.
var (
	// ErrAnswer is an answer with too many bytes or samples. A shorter range of time may help.
	ErrAnswer = errors.New("the answer is too large")
	// ErrLabels is a series with too many or too long labels.
	ErrLabels = errors.New("exceeded")
)

// What things cost in memory besides their bytes: the structs and slices that hold them, rounded up. A guard, not a
// measurement.
const (
	Series = 256 // a series, with its labels and slices
	Chunk  = 64  // a chunk of a series
	Encode = 192 // a chunk that samples are compressed into
	label  = 32  // a label while it is parsed
)

// maxLabelLength guards labels.Labels, which panics above it.
const maxLabelLength = 1<<24 - 1

// Limits for one answer. A number of labels, or a length, of 0 is not limited.
type Limits struct {
	Bytes, Samples int64

	Labels, LabelNameLength, LabelValueLength int
}

// Usage is what an answer has cost so far.
type Usage struct {
	Limits  *Limits
	Bytes   int64 // of memory
	Samples int64

	labels int    // of the series that is being parsed
	metric string // its name, or the beginning of it
}

// Spend counts bytes and samples. Its error wraps ErrAnswer.
func (u *Usage) Spend(bytes, samples int64) error {
	u.Bytes += bytes
	u.Samples += samples
	switch {
	case u.Bytes > u.Limits.Bytes:
		return fmt.Errorf("%w: it takes more than %d bytes of memory", ErrAnswer, u.Limits.Bytes)
	case u.Samples > u.Limits.Samples:
		return fmt.Errorf("%w: it has more than %d samples", ErrAnswer, u.Limits.Samples)
	}
	return nil
}

// BeginSeries counts a series. Its error wraps ErrAnswer.
func (u *Usage) BeginSeries() error {
	u.labels, u.metric = 0, ""
	return u.Spend(Series, 0)
}

// AddLabel counts a label of the series. Its error wraps ErrAnswer or ErrLabels; the texts are those of Prometheus'
// scrapes.
func (u *Usage) AddLabel(name, value string) error {
	l := u.Limits
	if name == labels.MetricName {
		u.metric = string([]byte(value[:min(len(value), 50)])) // a copy: the memory of value is used again
	}
	u.labels++
	switch {
	case l.Labels > 0 && u.labels > l.Labels:
		return fmt.Errorf("label_limit %w (metric: %.50s, limit: %d)", ErrLabels, u.metric, l.Labels)
	case over(len(name), l.LabelNameLength):
		return fmt.Errorf("label_name_length_limit %w (metric: %.50s, label name: %.50s, length: %d, limit: %d)",
			ErrLabels, u.metric, name, len(name), l.LabelNameLength)
	case over(len(value), l.LabelValueLength):
		return fmt.Errorf("label_value_length_limit %w (metric: %.50s, label name: %.50s, value: %.50q, length: %d, "+
			"limit: %d)", ErrLabels, u.metric, name, value, len(value), l.LabelValueLength)
	}
	return u.Spend(int64(label+len(name)+len(value)), 0)
}

func over(n, limit int) bool { return limit > 0 && n > limit || n > maxLabelLength }

// Package startup describes for people how far the first cycle of a detector or scaler has got.
package startup

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// Progress is what a first cycle is doing, and how much of that is done.
type Progress struct {
	phase    string
	amount   func(int64) string // of what is done
	noun     string             // for it
	begun    time.Time
	done, of int64
	from     int64 // of the history, ms
}

// Read begins to read history.
func (p *Progress) Read(now time.Time) {
	*p = Progress{phase: "reading history", amount: hours, begun: now}
}

// HaveRead notes that history has been read from first to last, of what ends at to, all in ms.
func (p *Progress) HaveRead(first, last, to int64) {
	if p.from == 0 {
		p.from = first
	}
	p.done, p.of = last-p.from, to-p.from
}

// Fit begins to fit models.
func (p *Progress) Fit(now time.Time) {
	*p = Progress{phase: "fitting models", amount: count, noun: " series", begun: now}
}

// HaveFitted notes that the models of n series have been fitted, of so many.
func (p *Progress) HaveFitted(n, of int) { p.done, p.of = int64(n), int64(of) }

// Describe says what the first cycle is doing, and how long that will take at the pace so far.
func (p *Progress) Describe(now time.Time) string {
	if p.of == 0 {
		return p.phase
	}
	text := fmt.Sprintf("%s, %s of %s%s", p.phase, p.amount(p.done), p.amount(p.of), p.noun)
	if p.done == 0 {
		return text
	}
	left := time.Duration(float64(now.Sub(p.begun)) * float64(p.of-p.done) / float64(p.done))
	return fmt.Sprintf("%s, %s left", text, model.Duration(left.Round(time.Second)))
}

func hours(ms int64) string {
	return model.Duration((time.Duration(ms) * time.Millisecond).Round(time.Hour)).String()
}

func count(n int64) string { return fmt.Sprint(n) }

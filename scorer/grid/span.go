package grid

import "math"

// A Span is a range of time, both ends included, in milliseconds.
type Span struct{ From, To int64 }

// EmptySpan contains nothing.
var EmptySpan = Span{From: math.MaxInt64, To: math.MinInt64}

// Include returns the span that also contains t.
func (s Span) Include(t int64) Span { return Span{min(s.From, t), max(s.To, t)} }

// Union returns the span that contains both.
func (s Span) Union(t Span) Span { return Span{min(s.From, t.From), max(s.To, t.To)} }

package detector

// kinds are what sample_limit takes away, in this order.
var kinds = [...]struct {
	name string
	has  func(f Family, l Labels) bool
}{
	{"contribution", func(f Family, _ Labels) bool { return f == Contribution }},
	{"onset", func(f Family, _ Labels) bool { return f == Onset }},
	{"forecast", func(f Family, l Labels) bool {
		switch f {
		case Yhat, YhatLower, YhatUpper:
			return l.Get("horizon") != durationLabel(0)
		case Max, BreachProbability, TimeToBreach:
			return true
		}
		return false
	}},
	{"expected", func(f Family, _ Labels) bool { return f == Yhat || f == YhatLower || f == YhatUpper }},
}

// limit returns parts with at most limit results in all, if taking whole kinds away can do that, and how many of each kind were taken.
func limit(parts []*Part, limit int) (kept []*Part, withheld [len(kinds)]int) {
	count := func(level int) (n int) {
		for _, p := range parts {
			n += p.atLevel(level).Len()
		}
		return n
	}
	level, total := 0, count(0)
	for ; level < len(kinds) && total > limit; level++ {
		next := count(level + 1)
		withheld[level], total = total-next, next
	}
	for _, p := range parts {
		kept = append(kept, p.atLevel(level))
	}
	return kept, withheld
}

// atLevel returns p without the first kinds: p itself if it has none of them, else a part that stays the same as long as p does, so that it
// need not be rendered again. Only the Manager calls it, under its mutex.
func (p *Part) atLevel(level int) *Part {
	if level == 0 {
		return p
	}
	if p.trimmed[level-1] == nil {
		p.trimmed[level-1] = p.atLevel(level - 1).without(kinds[level-1].has)
	}
	return p.trimmed[level-1]
}

// without returns p without the results that drop says; p itself if there are none.
func (p *Part) without(drop func(Family, Labels) bool) *Part {
	q := &Part{Detector: p.Detector, Scaler: p.Scaler, Time: p.Time, stale: p.stale}
	for f, results := range p.Results {
		for _, r := range results {
			if !drop(Family(f), r.Labels) {
				q.Results[f] = append(q.Results[f], r)
			}
		}
	}
	if q.Len() == p.Len() {
		return p
	}
	return q
}

package detector

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
	"github.com/anomaly-exporter/anomaly-exporter/detector/dataset"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result"
	"github.com/anomaly-exporter/anomaly-exporter/history"
	"github.com/anomaly-exporter/anomaly-exporter/verdict"
)

// verdicts are those about the series of a detector.
type verdicts struct {
	given bool // people can give verdicts
	about []verdict.Verdict
}

// graded reports whether the alerts of a detector are compared with a truth or with what people say.
func (p *plan) graded() bool { return p.outcomes != nil || p.verdicts.given }

// specWithVerdicts is a spec whose models also depend on all verdicts, because an expression selects them.
type specWithVerdicts struct {
	spec any
	all  []verdict.Verdict
}

// ApplyVerdicts puts what people said in force; nil: they cannot say anything. What they confirmed is not learned from.
// What they rejected is, even where it is masked. The models of the series that this changes are fitted again at the
// next cycle. A detector whose expressions select anomaly_feedback starts again, as if its configuration had changed.
func (m *Manager) ApplyVerdicts(s *verdict.Set) error {
	m.applying.Lock()
	defer m.applying.Unlock()
	m.mu.Lock()
	m.said = s
	cfg, q := m.config, m.below
	m.mu.Unlock()
	if cfg == nil {
		return nil
	}
	return m.apply(cfg, q)
}

// addVerdicts adds to a plan of a detector what people said.
func (p *plan) addVerdicts(said *verdict.Set) {
	if said == nil {
		return
	}
	labeler := p.labeler
	p.verdicts = verdicts{given: true, about: said.About(p.source.Name)}
	if about := p.verdicts.about; len(about) > 0 {
		p.data.Marks = func(input labels.Labels) []history.Mark { return marks(about, labeler.Labels(input)) }
	}
	if selectsVerdicts(&p.data) {
		p.spec = specWithVerdicts{p.spec, said.All()}
	}
}

// marks returns where a series with these results is masked because people confirmed an anomaly, and where it is not
// because they rejected one.
func marks(verdicts []verdict.Verdict, l result.Labels) (marks []history.Mark) {
	var about []verdict.Verdict
	for i := range verdicts {
		if verdicts[i].Matches(l.Get) {
			about = append(about, verdicts[i])
		}
	}
	for _, p := range verdict.Periods(about) {
		marks = append(marks, history.Mark{From: p.From, To: p.To, Masked: p.Confirmed})
	}
	return marks
}

// selectsVerdicts reports whether what models learn depends on a selector that verdicts can match.
func selectsVerdicts(o *dataset.Options) bool {
	var exprs []string
	for _, in := range o.Inputs {
		exprs = append(exprs, in.Expr)
	}
	for _, a := range o.Auxiliaries {
		exprs = append(exprs, a.Expr)
	}
	for _, s := range []*dataset.Selector{o.Mask, o.Mute} {
		if s != nil {
			exprs = append(exprs, s.Expr)
		}
	}
	return slices.ContainsFunc(exprs, func(expr string) bool { return promql.Selects(expr, verdict.Selected) })
}

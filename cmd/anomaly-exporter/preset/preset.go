// Package preset puts together a configuration from the example configurations whose metrics a Prometheus has.
package preset

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/promql"
	"github.com/anomaly-exporter/anomaly-exporter/examples"
)

// requestsFile is the example about services that count requests. It is used for every service, with its metrics.
const requestsFile = "http-service.yml"

var (
	needsLine    = regexp.MustCompile(`(?m)^# Needs: (.+)$`)
	nameLine     = regexp.MustCompile(`(?m)^  - name: (.+)$`)
	topLevelLine = regexp.MustCompile(`(?m)^[a-z_]+:`)
)

// A preset is an example configuration that names in its header the metrics that it is for.
type preset struct {
	file      string
	about     string   // what its header says first
	needs     []string // one of these metrics is enough
	detectors []entry
}

// An entry is a detector of a preset.
type entry struct {
	config.Detector
	text string // as in the file, with the comment above it
}

// load returns all presets but that about requests, and the text of that. They are in the order of their file names.
func load() (presets []preset, requests string, err error) {
	files, err := fs.Glob(examples.Files, "*.yml")
	if err != nil {
		return nil, "", err
	}
	for _, file := range files {
		text, err := fs.ReadFile(examples.Files, file)
		if err != nil {
			return nil, "", err
		}
		if file == requestsFile {
			requests = string(text)
			continue
		}
		if !needsLine.Match(text) {
			continue
		}
		p, err := parse(file, string(text))
		if err != nil {
			return nil, "", err
		}
		presets = append(presets, p)
	}
	return presets, requests, nil
}

// parse returns the preset that a file is.
func parse(file, text string) (preset, error) {
	needs := needsLine.FindStringSubmatch(text)
	if needs == nil {
		return preset{}, fmt.Errorf("%s: the header names no metric", file)
	}
	p := preset{file: file, about: about(text), needs: strings.Split(needs[1], " or ")}
	cfg, err := config.Load([]byte(text), file)
	if err != nil {
		return preset{}, err
	}
	blocks := split(text)
	if len(blocks) != len(cfg.Detectors) {
		return preset{}, fmt.Errorf("%s: %d detectors, but %d in the text", file, len(cfg.Detectors), len(blocks))
	}
	for i, d := range cfg.Detectors {
		p.detectors = append(p.detectors, entry{d, blocks[i]})
	}
	return p, nil
}

// about returns the first sentence of a file's header.
func about(text string) string {
	header, _, _ := strings.Cut(text, "\n#\n")
	header = strings.ReplaceAll(strings.TrimPrefix(header, "# "), "\n# ", " ")
	sentence, _, _ := strings.Cut(header, ". ")
	return strings.TrimSuffix(sentence, ".") + "."
}

// split returns the text of each detector, with the comment above it.
func split(text string) (blocks []string) {
	_, text, _ = strings.Cut(text, "\ndetectors:\n")
	if end := topLevelLine.FindStringIndex(text); end != nil {
		text = text[:end[0]]
	}
	var block []string
	named := false // the block has the first line of its detector
	flush := func() {
		if named {
			blocks = append(blocks, strings.Trim(strings.Join(block, "\n"), "\n")+"\n")
		}
		block, named = nil, false
	}
	for line := range strings.SplitSeq(text, "\n") {
		name := nameLine.MatchString(line)
		if named && (name || strings.HasPrefix(line, "  #") || strings.HasPrefix(line, "#")) {
			flush()
		}
		named = named || name
		block = append(block, line)
	}
	flush()
	return blocks
}

// applies tells whether a Prometheus with these metrics has what a detector reads.
func (d *entry) applies(metrics map[string]bool) bool {
	for _, expr := range d.Exprs() {
		if !has(expr.Parsed(), metrics) {
			return false
		}
	}
	for _, b := range []*config.Bound{d.Bounds.Lower, d.Bounds.Upper} {
		if b != nil && b.Expr != nil && !has(b.Expr.Parsed(), metrics) {
			return false
		}
	}
	return true
}

// has tells whether the metrics of an expression are there; of the sides of an "or", one is enough.
func has(node parser.Node, metrics map[string]bool) bool {
	switch n := node.(type) {
	case *parser.VectorSelector:
		name := promql.SelectedName(n)
		return name == "" || metrics[name]
	case *parser.BinaryExpr:
		if n.Op == parser.LOR {
			return has(n.LHS, metrics) || has(n.RHS, metrics)
		}
	}
	for child := range parser.ChildrenIter(node) {
		if !has(child, metrics) {
			return false
		}
	}
	return true
}

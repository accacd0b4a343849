package preset

import (
	"fmt"
	"strings"
)

// width is that of lines in a configuration.
const width = 118

// text returns the configuration as a file. The same metrics give the same text.
func (p *plan) text() (string, error) {
	var b strings.Builder
	comment(&b, "", `Written by "anomaly-exporter init" for the metrics of `+p.URL.Redacted()+". It is yours now: "+
		"change it as you like. What was left out has the reason above it. All keys are described in docs/configuration.md.")
	fmt.Fprintf(&b, "\nremote_read:\n  - url: %s\n", p.URL.JoinPath("api/v1/read"))
	if len(p.externalLabels) > 0 {
		fmt.Fprintf(&b, "    external_labels: {%s}\n", strings.Join(p.externalLabels, ", "))
	}
	b.WriteString(indented(p.httpKeys))
	b.WriteString("\nglobal:\n  step: 1m\n")
	if p.Timezone != "" {
		fmt.Fprintf(&b, "  timezone: %s\n", p.Timezone)
	}
	b.WriteString("\ndetectors:\n")
	for i, of := range p.parts {
		if i > 0 {
			b.WriteByte('\n')
		}
		comment(&b, "  ", "---- From examples/"+of.file+". "+of.about)
		for _, d := range of.detectors {
			b.WriteByte('\n')
			d.write(&b)
		}
	}
	if err := p.writeScalers(&b); err != nil {
		return "", err
	}
	return b.String(), nil
}

// writeScalers writes the suggested scalers and their ScaledObjects, as comments.
func (p *plan) writeScalers(b *strings.Builder) error {
	if len(p.scalers) == 0 {
		return nil
	}
	b.WriteByte('\n')
	comment(b, "", "---- Deployments with an HPA and a request rate: they could have their replicas before the load "+
		"comes. Remove \"# \" to get recommendations, which change nothing by themselves. The capacity of a replica is a "+
		"guess: in 95 % of the last week its load was no higher. A load test gives the real one: see docs/autoscaling.md.")
	var objects strings.Builder
	b.WriteString("#\n# scalers:\n")
	address := *p.URL
	address.User = nil
	for _, s := range p.scalers {
		config, object, err := s.text(strings.TrimSuffix(address.String(), "/"))
		if err != nil {
			return err
		}
		mark(b, "# ", config)
		objects.WriteString("##\n## ---\n")
		mark(&objects, "## ", object)
	}
	b.WriteByte('\n')
	comment(b, "", "---- For KEDA, in files of their own: each replaces the HPA of its deployment. Apply them once the "+
		"recommendations have been good for some days.")
	b.WriteString(objects.String())
	return nil
}

// mark writes a text with a mark before each line.
func mark(b *strings.Builder, mark, text string) {
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(mark+strings.TrimRight(line, "\n"), " ") + "\n")
	}
}

// write writes a detector as it is in its file, with a limit of series; as a comment if it is left out.
func (d *planned) write(b *strings.Builder) {
	text := d.text
	if d.limit > 0 {
		text = nameLine.ReplaceAllString(text, fmt.Sprintf("$0\n    series_limit: %d", d.limit))
	}
	if d.leftOut == "" {
		b.WriteString(text)
		return
	}
	comment(b, "  ", "Left out: "+d.leftOut+".")
	for line := range strings.Lines(text) {
		mark(b, "  # ", strings.TrimPrefix(line, "  "))
	}
}

// comment writes a text as a comment.
func comment(b *strings.Builder, indent, text string) {
	line := indent + "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// indented returns the keys of a YAML document as those of an entry of a list.
func indented(keys string) string {
	var b strings.Builder
	for line := range strings.Lines(keys) {
		if line = strings.TrimRight(line, "\n"); line != "" && line != "---" {
			b.WriteString("    " + line + "\n")
		}
	}
	return b.String()
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// postTimeout bounds a request to the webhook. Guard: it takes less than a second.
	postTimeout = 15 * time.Second
	// maxHeader and maxSection are the limits of Slack for a header and for the text of a section, and what is
	// used of them here.
	maxHeader, maxSection = 140, 2900
)

// webhook is an incoming webhook of Slack, or of what takes the same format, such as Mattermost.
type webhook struct {
	url    string // secret
	client *http.Client
}

// post posts a message. Errors do not tell the URL.
func (w *webhook) post(ctx context.Context, message []byte) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(message))
	if err != nil {
		return errors.New("WEBHOOK_URL is not a URL")
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection is used again
	if resp.StatusCode/100 != 2 {
		return errors.New(resp.Status)
	}
	return nil
}

// A block is a part of a message.
type block struct {
	Type     string `json:"type"`
	Text     *text  `json:"text,omitempty"`
	Elements []text `json:"elements,omitempty"`
}

// A text is plain, so that nothing in it mentions people or becomes a link; or formatted, with all of it escaped.
type text struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim,omitempty"` // no links of what looks like one
}

func plain(format string, args ...any) text {
	return text{Type: "plain_text", Text: shorten(fmt.Sprintf(format, args...), maxSection)}
}

func section(t text) block { return block{Type: "section", Text: &t} }

// escape keeps Slack from finding links and mentions in a text.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

// report is what a message tells.
type report struct {
	labels   map[string]string // of the group of alerts, redacted
	found    *diagnosis        // nil: there is none
	failed   error             // why
	suspects []suspect         // of the exporter, redacted
	model    string
	page     string // address of the exporter's page; "": not known
}

type suspect struct {
	Labels  map[string]string `json:"labels"`
	Reasons []string          `json:"reasons"`
}

// slack writes a report as a message of Slack.
func (r *report) slack() ([]byte, error) {
	about := labelText(r.labels)
	var blocks []block
	var summary string
	if r.found != nil {
		summary = r.found.Summary
		blocks = r.diagnosis()
	} else {
		summary = "No diagnosis: " + r.failed.Error() + "."
		blocks = append(blocks, section(plain("%s What anomaly-exporter suspects:\n%s", summary, r.suspected())))
	}
	header := plain("%s", shorten(about, maxHeader))
	blocks = append([]block{{Type: "header", Text: &header}}, blocks...)
	if r.page != "" {
		link := "<" + escape(r.page) + "|What anomaly-exporter sees>"
		blocks = append(blocks, section(text{Type: "mrkdwn", Text: link}))
	}
	footer := plain("Facts: anomaly-exporter.")
	if r.found != nil {
		footer = plain("Written by %s from what anomaly-exporter knows. It can be wrong: check before you act.", r.model)
	}
	blocks = append(blocks, block{Type: "context", Elements: []text{footer}})
	return json.Marshal(map[string]any{ // the text is for notifications; it is formatted
		"text":   escape(shorten(about+": "+summary, maxSection)),
		"blocks": blocks,
	})
}

func (r *report) diagnosis() []block {
	d := r.found
	blocks := []block{section(plain("%s\n\n%s Confidence: %s.", d.Summary, d.LikelyCause, d.Confidence))}
	if len(d.Evidence) > 0 {
		blocks = append(blocks, section(plain("Evidence\n• %s", strings.Join(d.Evidence, "\n• "))))
	}
	var commands []string
	for _, c := range d.NextCommands {
		commands = append(commands, "# "+c.Why+"\n"+c.Command)
	}
	if len(commands) > 0 {
		code := strings.ReplaceAll(escape(strings.Join(commands, "\n")), "```", "'''")
		blocks = append(blocks, section(text{
			Type: "mrkdwn", Text: "```" + shorten(code, maxSection) + "```", Verbatim: true,
		}))
	}
	if d.leftOut > 0 {
		blocks = append(blocks, section(plain(
			"Left out: %d of the model's commands, which may do more than read.", d.leftOut,
		)))
	}
	return blocks
}

// suspected lists the exporter's own suspects.
func (r *report) suspected() string {
	if len(r.suspects) == 0 {
		return "nothing."
	}
	var lines []string
	for i, s := range r.suspects[:min(len(r.suspects), maxPoints)] {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, labelText(s.Labels)))
		for _, reason := range s.Reasons[:min(len(s.Reasons), 3)] {
			lines = append(lines, "   • "+oneLine(reason, maxPoint))
		}
	}
	return strings.Join(lines, "\n")
}

func labelText(labels map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+oneLine(labels[name], 100))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

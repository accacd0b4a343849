package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/anthropics/anthropic-sdk-go/v2"
	"github.com/anthropics/anthropic-sdk-go/v2/option"
)

const (
	// maxAnswer bounds what is read of an answer of the model's API. Guard: a diagnosis takes a few kilobytes.
	maxAnswer = 4 << 20
	// retries is how often a request is repeated that the API could not take: at most, and within the time limit. The
	// SDK waits as long as Retry-After says, else from half a second to eight. Chosen, not tuned.
	retries = 5
	// Limits of what is shown of a diagnosis, in bytes and points. Chosen: it fits a message of Slack, and a phone.
	maxText, maxPoint, maxPoints = 1000, 400, 6
)

//go:embed prompt.md
var prompt string

// A diagnosis is what the model says. It is text of a stranger: nothing acts on it.
type diagnosis struct {
	Summary      string    `json:"summary"`
	LikelyCause  string    `json:"likely_cause"`
	Confidence   string    `json:"confidence"` // low, medium or high
	Evidence     []string  `json:"evidence"`
	NextCommands []command `json:"next_commands"`
	leftOut      int       // commands that may do more than read
}

type command struct {
	Command string `json:"command"`
	Why     string `json:"why"`
}

// schema is the JSON schema of a diagnosis, as the API takes it.
var schema = map[string]any{
	"type": "object",
	"properties": map[string]any{
		"summary":      map[string]any{"type": "string", "description": "What is wrong, in one sentence."},
		"likely_cause": map[string]any{"type": "string", "description": "What most likely causes it, and what else could."},
		"confidence":   map[string]any{"type": "string", "enum": []string{"low", "medium", "high"}},
		"evidence":     map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		"next_commands": map[string]any{"type": "array", "items": map[string]any{
			"type": "object",
			"properties": map[string]any{
				"command": map[string]any{"type": "string"},
				"why":     map[string]any{"type": "string", "description": "What its output tells."},
			},
			"required":             []string{"command", "why"},
			"additionalProperties": false,
		}},
	},
	"required":             []string{"summary", "likely_cause", "confidence", "evidence", "next_commands"},
	"additionalProperties": false,
}

// A failure is why there is no diagnosis.
type failure struct {
	result string // the label of the metric: refused, timeout, invalid or error
	reason string // for people
}

func (f *failure) Error() string { return f.reason }

// model asks a language model.
type model struct {
	client    anthropic.Client
	name      string
	maxTokens int64
	timeout   time.Duration
	metrics   *metrics
}

func newModel(o options, rt http.RoundTripper, m *metrics) *model {
	options := []option.RequestOption{
		option.WithoutEnvironmentDefaults(), // what is configured here is all there is
		option.WithAPIKey(o.apiKey), option.WithMaxRetries(retries),
		option.WithHTTPClient(&http.Client{Transport: bounded{rt}}),
	}
	if o.baseURL != "" {
		options = append(options, option.WithBaseURL(o.baseURL))
	}
	return &model{anthropic.NewClient(options...), o.model, o.maxTokens, o.timeout, m}
}

// bounded limits the bodies of responses.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// diagnose asks for a diagnosis of a document. All errors are failures, unless ctx has ended.
func (m *model) diagnose(ctx context.Context, document string) (*diagnosis, error) {
	limited, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	began := time.Now()
	message, err := m.client.Messages.New(limited, anthropic.MessageNewParams{
		Model: m.name, MaxTokens: m.maxTokens,
		System:       []anthropic.TextBlockParam{{Text: prompt}},
		OutputConfig: anthropic.OutputConfigParam{Format: anthropic.JSONOutputFormatParam{Schema: schema}},
		Messages: []anthropic.MessageParam{
			anthropic.NewUserMessage(anthropic.NewTextBlock("<incident>\n" + document + "\n</incident>")),
		},
	})
	m.metrics.duration.Observe(time.Since(began).Seconds())
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var d *diagnosis
	if err == nil {
		m.metrics.tokens.WithLabelValues("input").Add(float64(max(0, message.Usage.InputTokens)))
		m.metrics.tokens.WithLabelValues("output").Add(float64(max(0, message.Usage.OutputTokens)))
		d, err = parse(message)
	} else {
		err = m.explain(limited, err)
	}
	result := "ok"
	if failed, ok := errors.AsType[*failure](err); ok {
		result = failed.result
	}
	m.metrics.diagnoses.WithLabelValues(result).Inc()
	return d, err
}

// explain makes a failure of an error of the SDK, whose text may hold the whole answer and the URL.
func (m *model) explain(ctx context.Context, err error) error {
	if api, ok := errors.AsType[*anthropic.Error](err); ok {
		return &failure{"error", fmt.Sprintf("the model's API answered %d %s %s",
			api.StatusCode, http.StatusText(api.StatusCode), shorten(string(api.Type()), 100))}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &failure{"timeout", fmt.Sprintf("the model did not answer within %s", m.timeout)}
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &failure{"invalid", "the model's API answered no JSON"}
	}
	return &failure{"error", "the model's API cannot be asked: " + shorten(withoutURL(err).Error(), 200)}
}

// parse reads a diagnosis from an answer.
func parse(message *anthropic.Message) (*diagnosis, error) {
	switch message.StopReason {
	case anthropic.StopReasonRefusal:
		reason := "the model refused to answer"
		if c := message.StopDetails.Category; c != "" {
			reason += " (" + shorten(string(c), 50) + ")"
		}
		return nil, &failure{"refused", reason}
	case anthropic.StopReasonMaxTokens:
		return nil, &failure{"invalid", "the model did not come to an end within --model.max-tokens"}
	}
	var text strings.Builder
	for _, block := range message.Content {
		if block.Type == "text" {
			text.WriteString(block.Text)
		}
	}
	var d diagnosis
	dec := json.NewDecoder(strings.NewReader(text.String()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil || dec.More() || d.Summary == "" || d.LikelyCause == "" {
		return nil, &failure{"invalid", "the model answered no diagnosis"}
	}
	switch d.Confidence {
	case "low", "medium", "high":
	default:
		return nil, &failure{"invalid", "the model answered no diagnosis"}
	}
	d.bound()
	return &d, nil
}

// bound shortens a diagnosis, and leaves out commands that may do more than read.
func (d *diagnosis) bound() {
	d.Summary, d.LikelyCause = oneLine(d.Summary, maxText), oneLine(d.LikelyCause, maxText)
	d.Evidence = d.Evidence[:min(len(d.Evidence), maxPoints)]
	for i := range d.Evidence {
		d.Evidence[i] = oneLine(d.Evidence[i], maxPoint)
	}
	var kept []command
	for _, c := range d.NextCommands {
		if len(c.Command) > maxPoint || !onlyReads(c.Command) {
			d.leftOut++
			continue
		}
		if len(kept) < maxPoints {
			kept = append(kept, command{c.Command, oneLine(c.Why, maxPoint)})
		}
	}
	d.NextCommands = kept
}

// oneLine shortens a text and removes line breaks and other control characters.
func oneLine(s string, bytes int) string {
	return shorten(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " "), bytes)
}

var (
	// reading matches commands that change nothing.
	reading = regexp.MustCompile(`^(kubectl( -n [\w.-]+| --(namespace|context)[= ][\w.-]+)*` +
		` (get|describe|logs|top|events|rollout (status|history))` +
		`|promtool query (instant|range|series|labels)|amtool (alert|silence) query) `)
	// disclosing matches what reads too much.
	disclosing = regexp.MustCompile(`(?i)secret|--raw`)
)

// onlyReads reports whether a command reads, is the only one on its line, and reads no secret. What a label says could
// have talked the model into another, and people copy commands at night. Special characters of the shell may stand in
// single quotes only, where they have no meaning.
func onlyReads(line string) bool {
	if !reading.MatchString(line) || disclosing.MatchString(line) {
		return false
	}
	quoted := false
	for _, c := range line {
		switch {
		case c == '\'':
			quoted = !quoted
		case !unicode.IsPrint(c), !quoted && strings.ContainsRune("|&;<>()$`\\!#", c):
			return false
		}
	}
	return !quoted
}

package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxAnswer bounds an answer, in bytes. Chosen: about 16,000 tokens, because clients such as Claude Code refuse an
// answer of more than 25,000 tokens.
const maxAnswer = 40_000

// seriesOfIncident is how many series of an incident are shown. Chosen, as for the suspects of a context.
const seriesOfIncident = 10

// fit writes the data of an answer so that it has at most maxAnswer bytes. Of a list it shows as much as fits, and says
// by nextOffset where it goes on.
func fit(data map[string]json.RawMessage, list string, offset int) (string, error) {
	if list == "" {
		if all := encode(data); len(all) <= maxAnswer {
			return all, nil
		}
		return "", fmt.Errorf("the answer has more than %d bytes; narrow it with match, or ask for Markdown", maxAnswer)
	}
	var items []json.RawMessage
	var total int
	if err := json.Unmarshal(data[list], &items); err != nil {
		return "", fmt.Errorf("unknown answer: %s: %w", list, err)
	}
	if err := json.Unmarshal(data["total"], &total); err != nil {
		return "", fmt.Errorf("unknown answer: total: %w", err)
	}
	shorten := shortenIncident
	if list == "series" {
		shorten = thinHistory
	}
	left := maxAnswer - 500 // guard: for what is beside the list
	for i, item := range items {
		item, err := shorten(item, left)
		if err != nil {
			return "", fmt.Errorf("unknown answer: %s[%d]: %w", list, i, err)
		}
		if left -= len(item) + 1; left < 0 {
			items = items[:i]
			break
		}
		items[i] = item
	}
	if len(items) == 0 && total > offset {
		return "", fmt.Errorf("one result has more than %d bytes", maxAnswer)
	}
	data[list] = json.RawMessage(encode(items))
	if next := offset + len(items); next < total {
		data["nextOffset"] = json.RawMessage(fmt.Sprint(next))
	}
	return encode(data), nil
}

// shortenIncident leaves out series of an incident that has many: those that are the least rare.
func shortenIncident(incident json.RawMessage, _ int) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(incident, &fields); err != nil {
		return nil, err
	}
	var series []json.RawMessage
	if fields["series"] == nil {
		return incident, nil
	}
	if err := json.Unmarshal(fields["series"], &series); err != nil {
		return nil, err
	}
	if len(series) <= seriesOfIncident {
		return incident, nil
	}
	fields["seriesTotal"] = json.RawMessage(fmt.Sprint(len(series)))
	fields["series"] = json.RawMessage(encode(series[:seriesOfIncident]))
	return json.RawMessage(encode(fields)), nil
}

// thinHistory thins the history of a series until it fits: of so many steps in a row, it keeps the one with the highest
// score, as it was published.
func thinHistory(series json.RawMessage, most int) (json.RawMessage, error) {
	if len(series) <= most {
		return series, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(series, &fields); err != nil {
		return nil, err
	}
	var columns map[string][]json.RawMessage
	if fields["history"] == nil {
		return series, nil
	}
	if err := json.Unmarshal(fields["history"], &columns); err != nil {
		return nil, err
	}
	steps := len(columns["time"])
	for name, column := range columns {
		if len(column) != 0 && len(column) != steps {
			return nil, fmt.Errorf("history: %s has %d steps, time %d", name, len(column), steps)
		}
	}
	scores := make([]float64, steps)
	for i := range scores {
		scores[i] = -1 // there is none
		if len(columns["score"]) > 0 {
			var score *float64
			if err := json.Unmarshal(columns["score"][i], &score); err != nil {
				return nil, err
			} else if score != nil {
				scores[i] = *score
			}
		}
	}
	rest := len(series) - len(fields["history"])
	every := max(2, (len(fields["history"])+most-rest)/max(1, most-rest))
	for ; every <= steps; every += (every + 9) / 10 {
		fields["history"] = json.RawMessage(encode(thinned(columns, scores, every)))
		if all := json.RawMessage(encode(fields)); len(all) <= most {
			return all, nil
		}
	}
	return series, nil
}

// thinned keeps one of every so many steps.
func thinned(columns map[string][]json.RawMessage, scores []float64, every int) map[string]any {
	kept := map[string]any{"stepsPerPoint": every}
	var steps []int
	for from := 0; from < len(scores); from += every {
		best := from
		for i := from; i < min(from+every, len(scores)); i++ {
			if scores[i] > scores[best] {
				best = i
			}
		}
		steps = append(steps, best)
	}
	for name, column := range columns {
		values := make([]json.RawMessage, 0, len(steps))
		if len(column) > 0 {
			for _, i := range steps {
				values = append(values, column[i])
			}
		}
		kept[name] = values
	}
	return kept
}

// cutText cuts a document after a line if it is too long, and says so.
func cutText(document string) string {
	if len(document) <= maxAnswer {
		return document
	}
	cut := document[:maxAnswer]
	for !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1]
	}
	if end := strings.LastIndexByte(cut, '\n'); end > 0 {
		cut = cut[:end]
	}
	return cut + "\n\nThe rest is left out. Narrow it with match.\n"
}

// encode writes JSON that keeps < and > readable.
func encode(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "null" // what was decoded can be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// contextTimeout bounds a request to the exporter. Guard: it answers from memory, but for a few queries.
	contextTimeout = 30 * time.Second
	// maxContext bounds what is read of its answer. Guard: a context with ten incidents takes some 100 kB.
	maxContext = 8 << 20
)

// exporter is the API of anomaly-exporter.
type exporter struct {
	url    *url.URL
	client *http.Client
	labels []string // of an alert, by which the context is narrowed
}

// selector returns a selector for what shares those labels with a group of alerts; "" if the group has none of them.
func (e *exporter) selector(group map[string]string) string {
	var parts []string
	for _, name := range e.labels {
		if value := group[name]; value != "" {
			parts = append(parts, name+"="+strconv.Quote(value))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// context returns the incident context of what a group of alerts is about.
func (e *exporter) context(ctx context.Context, group map[string]string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, contextTimeout)
	defer cancel()
	u := e.url.JoinPath("api/v1/context")
	if s := e.selector(group); s != "" {
		u.RawQuery = url.Values{"match[]": {s}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("--exporter.url is not a URL")
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxContext+1))
	if err != nil {
		return nil, withoutURL(err)
	}
	if len(body) > maxContext {
		return nil, fmt.Errorf("the context has more than %d bytes", maxContext)
	}
	var answer struct {
		Data  map[string]any `json:"data"`
		Error string         `json:"error"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	err = dec.Decode(&answer)
	switch {
	case resp.StatusCode != http.StatusOK && err == nil && answer.Error != "":
		return nil, fmt.Errorf("%s: %s", resp.Status, shorten(answer.Error, 200))
	case resp.StatusCode != http.StatusOK:
		return nil, errors.New(resp.Status)
	case err != nil || answer.Data == nil:
		return nil, errors.New("the answer is not a context of anomaly-exporter")
	}
	return answer.Data, nil
}

// withoutURL removes the URL from an error of an HTTP client: it may hold a secret, as that of a webhook does.
func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

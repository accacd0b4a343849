package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// maxNotification bounds a notification. Guard: fifty alerts take some 100 kB.
const maxNotification = 1 << 20

// A notification is what Alertmanager sends to a webhook, version 4.
type notification struct {
	Version     string            `json:"version"`
	GroupKey    string            `json:"groupKey"`
	Status      string            `json:"status"` // firing or resolved
	GroupLabels map[string]string `json:"groupLabels"`
	Alerts      []alert           `json:"alerts"`
}

type alert struct {
	Status      string            `json:"status,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    string            `json:"startsAt"`
}

// receiver makes one message of each incident. It answers a notification once the message has been posted: until then
// Alertmanager has the notification and sends it again, also if this process dies in between. So nothing is queued
// here.
type receiver struct {
	stop      context.Context // ends when the process has to
	incidents *incidents
	exporter  *exporter
	redactor  *redactor
	model     *model
	webhook   *webhook
	budget    *rate.Limiter
	maxBytes  int    // of the document for the model
	page      string // address of the exporter's page for people
	metrics   *metrics
	log       *slog.Logger
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	n, err := decode(w, req)
	if err != nil {
		r.metrics.notifications.WithLabelValues("invalid").Inc()
		r.log.Warn("Notification refused", "err", err)
		status := http.StatusBadRequest
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), status)
		return
	}
	id := key(n.GroupKey)
	log := r.log.With("incident", id)
	began := time.Now()
	result, err := r.handle(n, id, log)
	r.metrics.notifications.WithLabelValues(result).Inc()
	if err != nil {
		// Alertmanager repeats what is answered with 5xx.
		log.Error("Incident not posted", "err", err, "duration", time.Since(began))
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	log.Info("Notification handled", "result", result, "alerts", len(n.Alerts), "duration", time.Since(began))
}

func decode(w http.ResponseWriter, req *http.Request) (*notification, error) {
	var n notification
	if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxNotification)).Decode(&n); err != nil {
		return nil, fmt.Errorf("no notification of Alertmanager: %w", err)
	}
	if n.Version != "4" || n.GroupKey == "" || (n.Status != "firing" && n.Status != "resolved") {
		return nil, errors.New("no notification of Alertmanager, version 4")
	}
	return &n, nil
}

// handle returns what became of a notification. Its work outlives the request: Alertmanager may give up waiting, and
// asks again.
func (r *receiver) handle(n *notification, id string, log *slog.Logger) (result string, err error) {
	if n.Status == "resolved" {
		r.save(func() error { return r.incidents.end(id) }, log)
		return "resolved", nil
	}
	one, done, err := r.incidents.begin(r.stop, id)
	if err != nil {
		return "failed", errors.New("shutting down")
	}
	defer done()
	if one.posted {
		r.save(r.incidents.save, log) // that it lasts
		return "duplicate", nil
	}
	if one.message == nil {
		if !r.budget.Allow() {
			log.Warn("Incident left out: more of them than --model.max-per-hour")
			return "limited", nil
		}
		if one.message, err = r.describe(n, log); err != nil {
			return "failed", err
		}
	}
	if err := r.webhook.post(r.stop, one.message); err != nil {
		r.metrics.posts.WithLabelValues("error").Inc()
		return "failed", fmt.Errorf("webhook: %w", err)
	}
	r.metrics.posts.WithLabelValues("ok").Inc()
	r.save(func() error { return r.incidents.setPosted(one) }, log)
	return "posted", nil
}

// save logs what keeps the state from being saved. It is no reason to fail: the message has been posted.
func (r *receiver) save(how func() error, log *slog.Logger) {
	if err := how(); err != nil {
		log.Warn("State not saved", "err", err)
	}
}

// describe makes the message about a group of alerts. If the model fails, it is what the exporter suspects.
func (r *receiver) describe(n *notification, log *slog.Logger) ([]byte, error) {
	found, err := r.exporter.context(r.stop, n.GroupLabels)
	if err != nil {
		r.metrics.contexts.WithLabelValues("error").Inc()
		return nil, fmt.Errorf("exporter: %w", err)
	}
	r.metrics.contexts.WithLabelValues("ok").Inc()
	document, labels, err := r.clean(n, found)
	if err != nil {
		return nil, err
	}
	message := &report{labels: labels, model: r.model.name, page: r.page, suspects: suspectsOf(document)}
	if message.found, err = r.model.diagnose(r.stop, document); err != nil {
		if r.stop.Err() != nil {
			return nil, errors.New("shutting down")
		}
		log.Warn("No diagnosis", "err", err)
		message.failed = err
	}
	return message.slack()
}

// clean returns the document that may leave the process, and the labels of the group. Both are redacted together, so
// that a value has the same placeholder in both.
func (r *receiver) clean(n *notification, found map[string]any) (document string, group map[string]string, err error) {
	alerts := make([]alert, 0, len(n.Alerts))
	for _, a := range n.Alerts {
		if a.Status != "resolved" {
			a.Status = ""
			alerts = append(alerts, a)
		}
	}
	// As JSON has them: the redactor knows nothing else.
	text, err := json.Marshal(map[string]any{"alerts": alerts, "group": n.GroupLabels})
	if err != nil {
		return "", nil, fmt.Errorf("encode the alerts: %w", err)
	}
	whole := map[string]any{}
	if err := json.Unmarshal(text, &whole); err != nil {
		return "", nil, fmt.Errorf("decode the alerts: %w", err)
	}
	whole["context"] = found
	clean, replaced := r.redactor.apply(whole)
	r.metrics.redacted.Add(float64(replaced))
	parts := clean.(map[string]any)
	group = map[string]string{}
	if of, ok := parts["group"].(map[string]any); ok {
		for name, value := range of {
			group[name], _ = value.(string)
		}
	}
	delete(parts, "group")
	document, err = encode(parts, r.maxBytes)
	return document, group, err
}

// suspectsOf reads the exporter's suspects from a document.
func suspectsOf(document string) []suspect {
	var d struct {
		Context struct {
			Suspects []suspect `json:"suspects"`
		} `json:"context"`
	}
	if err := json.NewDecoder(strings.NewReader(document)).Decode(&d); err != nil {
		return nil // an exporter of another version
	}
	return d.Context.Suspects
}

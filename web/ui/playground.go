package ui

import (
	"net/http"
	"strings"

	"github.com/anomaly-exporter/anomaly-exporter/config"
	"github.com/anomaly-exporter/anomaly-exporter/config/excerpt"
)

// tryable is a detector or a scaler that can be tried out.
type tryable struct {
	Of, Text string // such as "detector/latency"
	Current  bool
}

// playground shows a detector or a scaler to edit, and what it would have done.
func (u *UI) playground(w http.ResponseWriter, r *http.Request) {
	cfg := u.o.Playground()
	if cfg == nil {
		u.missing(w, http.StatusServiceUnavailable, "No configuration is in force yet", nil)
		return
	}
	all := tryables(cfg)
	of := r.URL.Query().Get("of")
	if of == "" && len(all) > 0 {
		of = all[0].Of
	}
	kind, name, _ := strings.Cut(of, "/")
	name, _, _ = strings.Cut(name, "/") // without the resource of a scaler
	yaml, err := excerpt.Of(cfg, kind == "scaler", name)
	if err != nil && of != "" {
		u.missing(w, http.StatusNotFound, err.Error(), nil)
		return
	}
	for i := range all {
		all[i].Current = all[i].Of == kind+"/"+name
	}
	u.show(w, http.StatusOK, "playground", "Playground", struct {
		All      []tryable
		Of, YAML string
	}{all, of, yaml})
}

// tryables returns the detectors of a configuration, and the scalers that have a load.
func tryables(cfg *config.Config) (all []tryable) {
	for i := range cfg.Detectors {
		name := cfg.Detectors[i].Name
		all = append(all, tryable{Of: "detector/" + name, Text: name})
	}
	for i := range cfg.Scalers {
		if s := &cfg.Scalers[i]; !s.Load.IsZero() {
			all = append(all, tryable{Of: "scaler/" + s.Name, Text: s.Name + " (scaler)"})
		}
	}
	return all
}
